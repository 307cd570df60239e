// What a journal that was cut off or is not one is worth.
#include "quant/pipeline/journal.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <filesystem>

#include "tests/support/output.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

TEST(Journal, ALineThatWasCutOffDoesNotCount) {
  const TempDir dir;
  const std::string path = dir.file("q");
  {
    JournalWriter journal(test::output(journal_path(path)), {"job", {}, {{"a", "1"}, {"b", "2"}}});
    journal.keep(true);
  }
  EXPECT_EQ(read_journal(path).tensors.size(), 2u);
  fs::resize_file(journal_path(path), fs::file_size(journal_path(path)) - 4);
  const JournalContents contents = read_journal(path);
  EXPECT_EQ(contents.job, "job");
  ASSERT_EQ(contents.tensors.size(), 1u);
  EXPECT_EQ(contents.tensors[0].name, "a");
  std::FILE* file = std::fopen(journal_path(path).c_str(), "w");
  std::fputs("[1,2]\nnot json\n", file);
  std::fclose(file);
  EXPECT_TRUE(read_journal(path).job.empty());
  EXPECT_TRUE(read_journal(path).foreign);
}

}  // namespace
}  // namespace lathe
