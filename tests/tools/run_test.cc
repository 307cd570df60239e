// lathe run, through the command's own options, on the packaged models.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/jobs/engine.h"

namespace lathe {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");

using Output = test::CommandOutput;

Output run(std::vector<std::string> args, const std::string& model = kModel) {
  args.insert(args.begin(), {"run", "-m", model, "-t", "2"});
  return test::run_command(add_run, std::move(args));
}

// What the best token after each other gives, worked out by the panels from the whole text each
// time.
std::string greedy_text(const std::string& prompt, int n) {
  EngineOptions options;
  options.model = kModel;
  options.n_threads = 1;
  OpenModel open(options, {});
  const Tokenizer tokenizer = Tokenizer::from_metadata(open.file.metadata());
  Session session(*open.model, open.kernels, open.pool, session_options(options, 200, 1));
  std::vector<Token> tokens = tokenizer.encode(prompt, {});
  for (int i = 0; i < n; ++i) {
    std::vector<BatchItem> batch;
    for (const Token t : tokens) batch.push_back({t, static_cast<int>(batch.size())});
    batch.back().want_logits = true;
    session.clear();
    EXPECT_TRUE(session.decode(batch, MatmulPath::kPanel));
    const float* const l = session.logits().row(0);
    tokens.push_back(static_cast<Token>(std::max_element(l, l + session.logits().cols) - l));
  }
  return tokenizer.decode(tokens);
}

TEST(Run, GreedyTextIsThatOfTheBestTokens) {
  const Output out = run({"-p", "The old man said", "-n", "32", "--temp", "0"});
  EXPECT_EQ(out.text, greedy_text("The old man said", 32) + "\n");
  EXPECT_EQ(out.messages, "");
  EXPECT_EQ(out.exit_code, 0);
}

TEST(Run, BatchesAndCacheTypesHardlyMatter) {
  const std::string text = run({"-p", "The old man said", "-n", "8", "--temp", "0"}).text;
  EXPECT_EQ(run({"-p", "The old man said", "-n", "8", "--temp", "0", "-b", "3"}).text, text);
  EXPECT_EQ(run({"-p", "The old man said", "-n", "8", "--temp", "0", "--ub", "2"}).text, text);
  EXPECT_EQ(
      run({"-p", "The old man said", "-n", "8", "--temp", "0", "--ctk", "f32", "--ctv", "bf16"})
          .text,
      text);
}

TEST(Run, TheSeedDecides) {
  const std::vector<std::string> args = {"-p", "Once", "-n", "20", "--seed", "5"};
  EXPECT_EQ(run(args).text, run(args).text);
  EXPECT_NE(run(args).text, run({"-p", "Once", "-n", "20", "--seed", "6"}).text);
}

TEST(Run, ReadsAFileAndShowsThePromptUnlessToldNotTo) {
  const TempDir dir;
  std::ofstream(dir.file("prompt")) << "The old man said";
  const std::string text = run({"-f", dir.file("prompt"), "-n", "5", "--temp", "0"}).text;
  EXPECT_THAT(text, StartsWith("The old man said"));
  EXPECT_EQ(
      "The old man said" +
          run({"-f", dir.file("prompt"), "-n", "5", "--temp", "0", "--no-display-prompt"}).text,
      text);
}

TEST(Run, EndsBeforeAStopText) {
  const std::string all =
      run({"-p", "The old man said", "-n", "40", "--temp", "0", "--no-display-prompt"}).text;
  const std::string stop = all.substr(30, 4);
  const std::string text = run({"-p", "The old man said", "-n", "40", "--temp", "0",
                                "--no-display-prompt", "--stop", "never met", "--stop", stop})
                               .text;
  EXPECT_EQ(text, all.substr(0, all.find(stop)) + "\n");
}

TEST(Run, NeverSplitsACharacter) {
  const std::string text = run({"-p", "\xC3\xA9", "-n", "300", "--temp", "5", "--top-k", "0",
                                "--top-p", "1", "--min-p", "0", "--seed", "1", "--ignore-eos"})
                               .text;
  EXPECT_GT(text.size(), 300u);
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    ASSERT_EQ(c.status, Utf8Status::kValid) << pos;
    pos += c.length;
  }
}

TEST(Run, AFullContextEndsTheText) {
  const Output out = run({"-p", "The old man said", "--temp", "0", "-c", "16"});
  EXPECT_THAT(out.messages, HasSubstr("context of 16 tokens is full"));
  EXPECT_EQ(out.exit_code, 0);
}

TEST(Run, RequestsThatMakeNoSense) {
  EXPECT_THROW(run({"-p", "a b c d e f g h", "-c", "4"}), Error);
  EXPECT_THROW(run({"-p", "x", "--temp", "-1"}), test::CommandLineError);
  EXPECT_THROW(run({"-p", "x", "--temp", "nan"}), test::CommandLineError);
  EXPECT_THROW(run({"-p", "x", "-n", "-2"}), test::CommandLineError);
  EXPECT_THROW(run({"-p", "x", "--ctk", "q4_K"}), Error);
  EXPECT_THROW(run({"-p", "x", "--ctk", "nonsense"}), Error);
  EXPECT_THROW(run({"-p", "x"}, kModel + ".absent"), Error);
  EXPECT_THROW(run({"-p", "x", "-b", "0"}), test::CommandLineError);
  EXPECT_THROW(run({"-p", "x", "-f", "y"}), test::CommandLineError);
}

void (*interrupt_handler())(int) {
  struct sigaction action = {};
  ::sigaction(SIGINT, nullptr, &action);
  return action.sa_handler;
}

void do_nothing(int) {}

TEST(Run, CtrlCStopsAfterTheToken) {
  ::signal(SIGINT, do_nothing);
  std::jthread interrupter([] {
    while (interrupt_handler() == do_nothing)
      std::this_thread::yield();  // until the command listens
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ::kill(::getpid(), SIGINT);
  });
  const Output out = run({"-p", "x", "--ignore-eos", "-c", "200000", "-v"});
  ::signal(SIGINT, SIG_DFL);
  EXPECT_EQ(out.exit_code, 130);
  EXPECT_THAT(out.messages, HasSubstr("t/s"));
}

TEST(Run, TheOtherArchitectureRunsToo) {
  const Output out = run({"-p", "The old man said", "-n", "8", "--temp", "0"},
                         test::source_path("tests/data/tiny-olmo2-f16.gguf"));
  EXPECT_GT(out.text.size(), 25u);
}

TEST(Run, AGrammarHoldsForWhatIsGenerated) {
  const TempDir dir;
  const std::vector<std::string> prompt = {"-p", "The old man:",       "-n", "200", "--seed",
                                           "3",  "--no-display-prompt"};
  const auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), prompt.begin(), prompt.end());
    return run(more);
  };
  std::ofstream(dir.file("g.gbnf")) << "root ::= [a-c]{4} # four letters\n";
  for (const Output& out :
       {with({"--grammar", "root ::= [a-c]{4}"}), with({"--grammar-file", dir.file("g.gbnf")})}) {
    EXPECT_THAT(out.text, testing::MatchesRegex("[a-c][a-c][a-c][a-c]\n"));
    EXPECT_EQ(out.exit_code, 0);
  }
  const std::string schema =
      R"({"type":"object","properties":{"name":{"type":"string","maxLength":12},)"
      R"("age":{"type":"integer","minimum":1,"maximum":99}},"required":["name","age"]})";
  std::ofstream(dir.file("s.json")) << schema;
  for (const Output& out :
       {with({"--json-schema", schema}), with({"--json-schema-file", dir.file("s.json")})}) {
    const auto json = nlohmann::json::parse(out.text, nullptr, false);
    ASSERT_TRUE(json.is_object()) << out.text;
    EXPECT_EQ(json.size(), 2u);
    EXPECT_TRUE(json["name"].is_string());
    EXPECT_GE(json["age"].get<int>(), 1);
    EXPECT_LE(json["age"].get<int>(), 99);
  }
}

TEST(Run, AGrammarThatIsNoneIsRefusedBeforeTheModelIsRead) {
  const TempDir dir;
  std::ofstream(dir.file("g.gbnf")) << "root ::= item\nitem := \"x\"\n";
  std::ofstream(dir.file("s.json")) << R"({"type":"array","contains":{}})";
  const auto refusal = [&](const std::string& option, const std::string& value) {
    return message_of(
        [&] {
          run({"-p", "x", option, value}, kModel + ".absent");
        },
        ErrorKind::kBadInput);
  };
  EXPECT_EQ(
      refusal("--grammar-file", dir.file("g.gbnf")),
      dir.file("g.gbnf") + ": line 2, column 6: expected ::= after the name of a rule, found ':'");
  EXPECT_EQ(refusal("--json-schema-file", dir.file("s.json")),
            dir.file("s.json") + ": contains: this keyword is not supported");
  EXPECT_EQ(refusal("--grammar", "root ::= root"),
            "--grammar: the rule 'root' begins with itself (root -> root), expected it to read "
            "something first: write a repetition, or turn the order around");
  EXPECT_THAT(refusal("--json-schema", "{"), HasSubstr("--json-schema: "));
  EXPECT_THROW(run({"-p", "x", "--grammar", "root ::= \"a\"", "--json-schema", "{}"}),
               test::CommandLineError);
}

}  // namespace
}  // namespace lathe
