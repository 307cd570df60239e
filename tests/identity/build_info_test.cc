#include "runtime/identity/build_info.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/support/file_bytes.h"

namespace lathe {
namespace {

// The note in the file of this executable, found without the dynamic loader: name of 4 bytes,
// description of 20, type 3, "GNU".
std::string id_in_file() {
  const std::vector<std::uint8_t> file = read_file_bytes("/proc/self/exe");
  const std::uint8_t head[] = {4, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 'G', 'N', 'U', 0};
  auto at = std::search(file.begin(), file.end(), std::begin(head), std::end(head));
  if (at == file.end()) return {};
  at += sizeof head;
  std::string hex;
  for (int i = 0; i < 8; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", at[i]);
    hex += digits;
  }
  return hex;
}

TEST(BuildInfo, TheIdIsTheLinkersHashOfThisVeryBinary) {
  EXPECT_THAT(build_id(), testing::MatchesRegex("[0-9a-f]{16}"));
  EXPECT_EQ(build_id(), id_in_file());
}

TEST(BuildInfo, WordsNameVersionCommitAndBuild) {
  EXPECT_EQ(build_words(),
            std::string(build_version()) + " (" + build_commit() + ", build " + build_id() + ")");
}

}  // namespace
}  // namespace lathe
