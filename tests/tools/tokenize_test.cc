// lathe tokenize, through the command's own options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "tests/support/command_run.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using testing::HasSubstr;
using Ids = std::vector<int>;

constexpr int kBos = 4091;  // "<|begin_of_text|>" of the packaged model

std::string run_tokenize(std::vector<std::string> args) {
  args.insert(args.begin(),
              {"tokenize", "-m", test::source_path("tests/data/tiny-llama-f16.gguf")});
  return test::run_command(add_tokenize, std::move(args)).text;
}

Ids run_ids(std::vector<std::string> args) {
  args.push_back("--ids");
  return nlohmann::json::parse(run_tokenize(std::move(args))).get<Ids>();
}

TEST(Tokenize, OneTokenALine) {
  EXPECT_EQ(run_tokenize({"-p", "a\n", "--show-count"}),
            "  4091 -> '<|begin_of_text|>'\n"
            "    64 -> 'a'\n"
            "   198 -> '\\n'\n"
            "Total number of tokens: 3\n");
}

// Bytes that are only a part of a character, and what a terminal would obey.
TEST(Tokenize, EscapesWhatIsNoText) {
  const std::string out = run_tokenize({"-p", "\x1B[1m\xFF"});
  EXPECT_THAT(out, HasSubstr("'\\x1B'"));
  EXPECT_THAT(out, HasSubstr("'\\xFF'"));
  EXPECT_EQ(out.find('\x1B'), out.npos);
}

TEST(Tokenize, IdsAreOneJsonArray) {
  EXPECT_EQ(run_ids({"-p", "a"}), (Ids{kBos, 64}));
  EXPECT_EQ(run_ids({"-p", "a", "--no-bos"}), (Ids{64}));
  EXPECT_EQ(run_ids({"-p", "", "--no-bos"}), (Ids{}));
  EXPECT_EQ(run_ids({"-p", "a", "--show-count"}), (Ids{kBos, 64}));  // the count is elsewhere
}

TEST(Tokenize, NamesOfControlTokensAreTheTokensUnlessToldOtherwise) {
  EXPECT_EQ(run_ids({"-p", "<|begin_of_text|>", "--no-bos"}), (Ids{kBos}));
  EXPECT_GT(run_ids({"-p", "<|begin_of_text|>", "--no-bos", "--no-parse-special"}).size(), 3u);
}

TEST(Tokenize, ReadsAFileEvenAnEmptyOne) {
  const TempDir dir;
  std::ofstream(dir.file("text")) << "a";
  std::ofstream(dir.file("empty"));
  EXPECT_EQ(run_ids({"-f", dir.file("text")}), (Ids{kBos, 64}));
  EXPECT_EQ(run_ids({"-f", dir.file("empty")}), (Ids{kBos}));
  EXPECT_THROW(run_ids({"-f", dir.file("absent")}), Error);
  EXPECT_THROW(run_ids({"-f", dir.file("")}), Error);  // a folder
}

TEST(Tokenize, PromptAndFileExcludeEachOther) {
  EXPECT_THROW(run_ids({"-p", "a", "-f", "b"}), test::CommandLineError);
}

}  // namespace
}  // namespace lathe
