// --prompt-cache of lathe run, through the command's own options, and of lathe chat, line by line
// through a pipe, on the packaged models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/program.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kOther = test::source_path("tests/data/tiny-olmo2-f16.gguf");
const std::string kPrompt = "The old man said to the boy that the sea was calm";

class RunPromptCache : public testing::Test {
 protected:
  test::CommandOutput run(const std::string& prompt, std::vector<std::string> more = {},
                          const std::string& model = kModel) const {
    std::vector<std::string> args = {"run", "-m",   model, "-t",  "2",
                                     "-p",  prompt, "-n",  "24",  "--temp",
                                     "0",   "-v",   "-c",  "256", "--no-display-prompt"};
    args.insert(args.end(), more.begin(), more.end());
    return test::run_command(add_run, std::move(args));
  }
  test::CommandOutput kept(const std::string& prompt, std::vector<std::string> more = {}) const {
    more.insert(more.begin(), {"--prompt-cache", file_});
    return run(prompt, std::move(more));
  }
  std::string refusal(std::vector<std::string> more, ErrorKind kind = ErrorKind::kUsage,
                      const std::string& model = kModel) const {
    return message_of([&] { run(kPrompt, std::move(more), model); }, kind);
  }

  TempDir dir_;
  std::string file_ = dir_.file("cache");
};

TEST_F(RunPromptCache, TheTextIsTheSameAndThePromptIsNotReadAgain) {
  const std::string text = run(kPrompt).text;
  const test::CommandOutput first = kept(kPrompt);
  EXPECT_EQ(first.text, text);
  EXPECT_THAT(first.messages, testing::Not(HasSubstr("from the cache")));
  const std::vector<std::uint8_t> bytes = read_file_bytes(file_);
  EXPECT_FALSE(bytes.empty());
  const test::CommandOutput second = kept(kPrompt);
  EXPECT_EQ(second.text, text);
  EXPECT_THAT(second.messages, HasSubstr("prompt 1 tokens"));
  EXPECT_THAT(second.messages, HasSubstr("from the cache"));
  EXPECT_TRUE(read_file_bytes(file_) == bytes);
  // Another end: the beginning stays, and the file is of the new prompt then.
  const std::string other = kPrompt + ", and he laughed";
  EXPECT_EQ(kept(other).text, run(other).text);
  EXPECT_GT(read_file_bytes(file_).size(), bytes.size());
  EXPECT_THAT(kept(other).messages, HasSubstr("prompt 1 tokens"));
}

TEST_F(RunPromptCache, ReadOnlyAndAll) {
  kept(kPrompt, {"--prompt-cache-ro"});
  EXPECT_FALSE(fs::exists(file_));
  kept(kPrompt);
  const std::vector<std::uint8_t> bytes = read_file_bytes(file_);
  const std::string other = kPrompt + ", and he laughed";
  const test::CommandOutput o = kept(other, {"--prompt-cache-ro"});
  EXPECT_EQ(o.text, run(other).text);
  EXPECT_THAT(o.messages, HasSubstr("from the cache"));
  EXPECT_TRUE(read_file_bytes(file_) == bytes);
  // What was generated is kept, too: going on with it reads one token.
  const std::string text = kept(kPrompt, {"--prompt-cache-all"}).text;
  EXPECT_GT(read_file_bytes(file_).size(), bytes.size());
  EXPECT_THAT(kept(kPrompt + text.substr(0, text.size() - 1)).messages,
              HasSubstr("from the cache"));
}

TEST_F(RunPromptCache, RefusesWhatIsOfAnotherRun) {
  kept(kPrompt);
  const std::vector<std::uint8_t> bytes = read_file_bytes(file_);
  EXPECT_THAT(refusal({"--prompt-cache", file_}, ErrorKind::kUsage, kOther),
              HasSubstr("its model"));
  EXPECT_THAT(refusal({"--prompt-cache", file_, "--ctk", "q8_0"}), HasSubstr("--cache-type-k"));
  EXPECT_TRUE(read_file_bytes(file_) == bytes);
  // The size of the context changes nothing.
  EXPECT_THAT(run(kPrompt, {"--prompt-cache", file_, "--ub", "3"}).messages,
              HasSubstr("from the cache"));
}

TEST_F(RunPromptCache, RefusesBeforeTheWork) {
  EXPECT_THAT(refusal({"--prompt-cache-all"}), HasSubstr("none is given"));
  EXPECT_THAT(refusal({"--prompt-cache", file_, "--prompt-cache-all", "--prompt-cache-ro"}),
              HasSubstr("forbids"));
  EXPECT_THAT(refusal({"--prompt-cache", kModel}), HasSubstr("the model"));
  EXPECT_THAT(refusal({"--prompt-cache", dir_.file("no/folder")}), HasSubstr("no/folder"));
  std::filesystem::copy_file(kOther, file_);
  refusal({"--prompt-cache", file_}, ErrorKind::kBadInput);
}

// ---- chat

class ChatPromptCache : public testing::Test {
 protected:
  // The conversation of these lines, and with "/stats" at its end what was read and what was kept.
  test::ProgramRun talk(const std::string& lines, const std::string& more = {}) const {
    return test::run_shell("printf '" + lines +
                           "\\n/stats\\n' | \"$LATHE\" chat \"$MODEL\" --chat-template chatml "
                           "-n 6 --temp 0 -t 1 -c 256 " +
                           more);
  }
  test::ProgramRun kept(const std::string& lines, const std::string& more = {}) const {
    return talk(lines, "--prompt-cache " + file_ + " " + more);
  }
  // "... prompts 37 tokens at 1526.3 t/s (12 more were kept), ..."
  static int n_kept(const test::ProgramRun& run) {
    const std::size_t end = run.err.find(" more were kept");
    const std::size_t begin = end == std::string::npos ? end : run.err.rfind('(', end);
    return begin == std::string::npos ? -1 : std::stoi(run.err.substr(begin + 1));
  }

  TempDir dir_;
  std::string file_ = dir_.file("talk.kv"), talk_ = dir_.file("talk.json");
  const std::string question_ = "Where did the old man go?";
};

TEST_F(ChatPromptCache, AConversationGoesOnWithoutBeingReadAgain) {
  const test::ProgramRun whole = talk(question_ + "\\nWhy?");
  const test::ProgramRun first = kept(question_ + "\\n/save " + talk_);
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(n_kept(first), 0);
  ASSERT_TRUE(fs::exists(file_));
  const test::ProgramRun second = kept("/load " + talk_ + "\\nWhy?");
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(first.out + second.out, whole.out);
  EXPECT_EQ(n_kept(second), n_kept(whole));
  EXPECT_GT(n_kept(second), 20);
  // The same without the file reads it all, and says the same.
  const test::ProgramRun anew = talk("/load " + talk_ + "\\nWhy?");
  EXPECT_EQ(n_kept(anew), 0);
}

TEST_F(ChatPromptCache, IsOfTheBeginningThatIsTheSame) {
  kept(question_);
  const auto bytes = read_file_bytes(file_);
  const test::ProgramRun other = kept("Where did the boy go?", "--prompt-cache-ro");
  EXPECT_EQ(other.out, talk("Where did the boy go?").out);
  EXPECT_GT(n_kept(other), 0);
  EXPECT_TRUE(read_file_bytes(file_) == bytes);
  kept(question_ + "\\nWhy?");
  EXPECT_GT(read_file_bytes(file_).size(), bytes.size());
}

TEST_F(ChatPromptCache, WhatIsOfAnotherRunOrNoneIsRefused) {
  kept(question_);
  const auto bytes = read_file_bytes(file_);
  const test::ProgramRun other = kept("Why?", "--ctk q8_0");
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_THAT(other.err, HasSubstr("--cache-type-k"));
  EXPECT_EQ(kept("Why?", "--prompt-cache-all --prompt-cache-ro").exit_code, 2);
  EXPECT_TRUE(read_file_bytes(file_) == bytes);
  fs::resize_file(file_, bytes.size() / 2);
  EXPECT_EQ(kept("Why?").exit_code, 3);
}

}  // namespace
}  // namespace lathe
