// --draft and --lookup: the same texts and conversations as without, and what they say at the end.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/jobs/chat.h"

namespace lathe {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kOther = test::source_path("tests/data/tiny-olmo2-f16.gguf");  // same vocabulary
const std::string kStranger = test::source_path("tests/golden/tiny/olmo2.gguf");

// Twice the same: something to look up.
const std::string kPrompt =
    "The old man said that the ship was lost. The young man said that the ship was lost. The old";

class Speculate : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir;
    for (const std::string type : {"Q4_K_M", "Q2_K"}) {
      test::run_command(add_quantize, {"quantize", kModel, quantized(type), type});
    }
  }
  static void TearDownTestSuite() { delete dir_; }

  static std::string quantized(const std::string& type) { return dir_->file(type + ".gguf"); }

  static test::CommandOutput run(std::vector<std::string> args) {
    args.insert(args.begin(), {"run", "-m", kModel, "-p", kPrompt, "-t", "1", "-n", "40"});
    return test::run_command(add_run, std::move(args));
  }

  static TempDir* dir_;
};

TempDir* Speculate::dir_ = nullptr;

TEST_F(Speculate, TheTextIsTheSame) {
  const std::vector<std::vector<std::string>> settings = {
      {"--temp", "0"},
      {"--seed", "3"},
      {"--seed", "4", "--temp", "1.2", "--top-k", "0", "--repeat-penalty", "1.2"},
      {"--seed", "5", "--dry-multiplier", "0.8", "--xtc-probability", "0.5"},
      {"--temp", "0", "--ctk", "q8_0", "--ctv", "q8_0", "--ignore-eos"}};
  const std::vector<std::vector<std::string>> drafts = {
      {"--lookup"},
      {"--lookup", "--draft-max", "3"},
      {"--draft", kModel},
      {"--draft", kOther},
      {"--draft", quantized("Q4_K_M"), "--draft-max", "5", "--draft-p-min", "0.2"},
      {"--draft", quantized("Q2_K"), "--draft-min", "2"}};
  for (const auto& setting : settings) {
    const std::string plain = run(setting).text;
    for (const auto& draft : drafts) {
      std::vector<std::string> args = setting;
      args.insert(args.end(), draft.begin(), draft.end());
      EXPECT_EQ(run(args).text, plain) << testing::PrintToString(args);
    }
  }
}

TEST_F(Speculate, AnotherModelThanF16) {
  const std::vector<std::string> args = {
      "run", "-m", quantized("Q4_K_M"), "-p", kPrompt, "-n", "60", "--seed", "9"};
  std::vector<std::string> drafted = args;
  drafted.insert(drafted.end(), {"--draft", quantized("Q2_K")});
  EXPECT_EQ(test::run_command(add_run, drafted).text, test::run_command(add_run, args).text);
}

TEST_F(Speculate, SaysAtTheEndWhatBecameOfTheGuesses) {
  const char* words =
      "drafted [0-9]+ tokens, accepted [0-9]+ \\([0-9.]+ %\\), [0-9.]+ tokens a step; seed";
  EXPECT_THAT(run({"--temp", "0", "-v", "--lookup"}).messages, ContainsRegex(words));
  EXPECT_THAT(run({"--temp", "0", "-v", "--draft", kOther}).messages, ContainsRegex(words));
  EXPECT_THAT(run({"--temp", "0", "-v"}).messages, Not(HasSubstr("drafted")));
}

TEST_F(Speculate, RequestsThatMakeNoSense) {
  EXPECT_THAT(message_of(
                  [] {
                    run({"--draft", kStranger});
                  },
                  ErrorKind::kBadInput),
              AllOf(StartsWith(kStranger), HasSubstr("the model's has 4096")));
  EXPECT_THROW(run({"--draft", kModel + ".absent"}), Error);
  EXPECT_THROW(run({"--draft", kModel, "--lookup"}), test::CommandLineError);
  EXPECT_THROW(run({"--lookup", "--draft-max", "0"}), test::CommandLineError);
  EXPECT_THROW(run({"--lookup", "--draft-max", "257"}), test::CommandLineError);
  EXPECT_THROW(run({"--lookup", "--draft-p-min", "1.5"}), test::CommandLineError);
  EXPECT_THAT(message_of(
                  [] {
                    run({"--lookup", "--draft-max", "4", "--draft-min", "5"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("5 tokens at least, and of 4 at most"));
}

ChatRequest conversation(const std::string& draft, bool lookup) {
  ChatRequest r;
  r.engine.model = kModel;
  r.engine.n_threads = 1;
  r.engine.n_ctx = 160;  // the oldest turns leave it
  r.generation.sampler.seed = 2;
  r.generation.n_predict = 24;
  r.chat_template.text = "chatml";
  r.draft.model = draft;
  r.draft.lookup = lookup;
  return r;
}

std::vector<std::string> replies(const ChatRequest& request) {
  Chat chat(request, {});
  std::vector<std::string> out;
  const auto keep = [&](const ChatReply& reply) { out.push_back(reply.text); };
  for (const char* text : {"Where did the old man go?", "Where did the old woman go?", "Why?"}) {
    keep(chat.ask(text, {}));
  }
  keep(chat.retry({}));
  chat.undo();
  keep(chat.ask("And the ship?", {}));
  int n_pieces = 0;
  GenerationCallbacks callbacks;
  callbacks.on_text = [&](std::string_view) { ++n_pieces; };
  callbacks.should_stop = [&] { return n_pieces >= 5; };
  keep(chat.ask("Tell me of the sea.", callbacks));
  keep(chat.ask("Tell me of the sea once more.", {}));
  chat.reset();
  keep(chat.ask("Where did the old man go?", {}));
  EXPECT_EQ(chat.stats().speculates, request.draft.given());
  EXPECT_GT(chat.stats().passes.n_passes, 0u);
  return out;
}

TEST_F(Speculate, AConversationIsTheSame) {
  const std::vector<std::string> plain = replies(conversation("", false));
  EXPECT_EQ(replies(conversation("", true)), plain);
  EXPECT_EQ(replies(conversation(kOther, false)), plain);
  EXPECT_EQ(replies(conversation(quantized("Q4_K_M"), false)), plain);
}

}  // namespace
}  // namespace lathe
