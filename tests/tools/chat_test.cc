// lathe chat on the packaged model: line by line through a pipe, and the conversation itself.
#include "tools/jobs/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "tests/support/error_of.h"
#include "tests/support/program.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using testing::AllOf;
using testing::HasSubstr;

ChatRequest request(std::size_t n_ctx = 512) {
  ChatRequest r;
  r.engine.model = test::source_path("tests/data/tiny-llama-f16.gguf");
  r.engine.n_threads = 1;
  r.engine.n_ctx = n_ctx;
  r.generation.sampler.temperature = 0;
  r.generation.n_predict = 8;
  r.generation.ignore_eos = true;
  r.chat_template.text = "chatml";
  return r;
}

TEST(Chat, ATurnReadsOnlyWhatIsNew) {
  Chat chat(request(), {});
  const ChatReply first = chat.ask("Where did the old man go?", {});
  EXPECT_NE(first.text, "");
  EXPECT_EQ(chat.stats().n_reused, 0u);
  const std::size_t n_first = chat.stats().prompt.n;
  chat.ask("Why?", {});
  const ChatStats stats = chat.stats();
  EXPECT_EQ(stats.n_turns, 2u);
  EXPECT_GE(stats.n_reused, n_first);
  EXPECT_LT(stats.prompt.n - n_first, n_first + 40);
}

TEST(Chat, TurnsAreTakenBackMadeAgainAndForgotten) {
  Chat chat(request(), {});
  const ChatReply first = chat.ask("Hello", {});
  chat.ask("More", {});
  chat.undo();
  EXPECT_EQ(chat.stats().n_turns, 1u);
  EXPECT_EQ(chat.retry({}).text, first.text);  // greedy: no other draw
  EXPECT_EQ(chat.stats().n_turns, 1u);
  chat.reset();
  EXPECT_EQ(chat.stats().n_turns, 0u);
  EXPECT_EQ(chat.ask("Hello", {}).text, first.text);
  chat.undo();
  EXPECT_THROW(chat.undo(), Error);
  EXPECT_THROW(chat.retry({}), Error);
  EXPECT_THROW(chat.answer_tool("x", {}), Error);
}

TEST(Chat, AGrammarHoldsForEachReplyAnew) {
  ChatRequest r = request();
  r.grammar.gbnf = "root ::= \"yes \" [a-z]{3}";
  Chat chat(r, {});
  for (const char* question : {"Is it late?", "Who is there?"}) {
    const ChatReply reply = chat.ask(question, {});
    EXPECT_THAT(reply.text, testing::MatchesRegex("yes [a-z][a-z][a-z]"));
    EXPECT_EQ(reply.end, GenerationEnd::kEndOfText);
  }
  EXPECT_THAT(chat.retry({}).text, testing::StartsWith("yes "));
}

TEST(Chat, AnotherDrawMakesAnotherReply) {
  ChatRequest r = request();
  r.generation.sampler.temperature = 1.5f;
  r.generation.sampler.seed = 1;
  Chat chat(r, {});
  const std::string first = chat.ask("Hello", {}).text;
  EXPECT_NE(chat.retry({}).text, first);
}

TEST(Chat, TheOldestTurnsLeaveAFullContext) {
  ChatRequest r = request(128);
  r.chat_template.system = "Be kind.";
  Chat chat(r, {});
  std::size_t n_left_out = 0;
  for (int i = 0; i < 6; ++i) {
    n_left_out = chat.ask("Tell me about the sea and the ships, please.", {}).n_left_out;
  }
  EXPECT_GT(n_left_out, 0u);
  EXPECT_EQ(chat.stats().n_turns, 6u);  // the conversation keeps them
  EXPECT_EQ(chat.system(), "Be kind.");

  r.stop_when_full = true;
  Chat stopping(r, {});
  EXPECT_THAT(message_of(
                  [&] {
                    for (int i = 0; i < 6; ++i) stopping.ask("Tell me about the sea, please.", {});
                  },
                  ErrorKind::kUsage),
              HasSubstr("the context of 128 tokens is full"));
  EXPECT_LT(stopping.stats().n_turns, 6u);  // the one that did not fit is not in it
}

TEST(Chat, AReplyThatIsStoppedStaysAsFarAsItCame) {
  Chat chat(request(), {});
  int n_pieces = 0;
  GenerationCallbacks callbacks;
  callbacks.on_text = [&](std::string_view) { ++n_pieces; };
  callbacks.should_stop = [&] { return n_pieces == 3; };
  EXPECT_EQ(chat.ask("Hello", callbacks).end, GenerationEnd::kStopped);
  EXPECT_EQ(chat.stats().n_turns, 1u);
  EXPECT_NE(chat.ask("Go on", {}).text, "");
}

TEST(Chat, ConversationsAreKeptInFiles) {
  const TempDir dir;
  Chat chat(request(), {});
  chat.set_system("Be kind.");
  chat.ask("Hello", {});
  chat.save(dir.file("talk.json"));
  std::ifstream file(dir.file("talk.json"));
  const auto json = nlohmann::json::parse(file);
  EXPECT_EQ(json.size(), 3u);
  EXPECT_EQ(json[1]["content"], "Hello");
  Chat other(request(), {});
  other.load(dir.file("talk.json"));
  EXPECT_EQ(other.stats().n_turns, 1u);
  EXPECT_EQ(other.system(), "Be kind.");
  for (const char* text : {"", "{}", "[1]", "[{\"role\": \"user\"}]"}) {
    std::ofstream(dir.file("bad.json")) << text;
    EXPECT_THROW(other.load(dir.file("bad.json")), Error) << text;
  }
  EXPECT_EQ(other.stats().n_turns, 1u);
}

TEST(Chat, SettingsAreChangedByTheirNames) {
  Chat chat(request(), {});
  chat.set("temp", "0.5");
  chat.set("top-k", "3");
  EXPECT_THAT(chat.settings(), AllOf(HasSubstr("temp 0.5"), HasSubstr("top-k 3")));
  for (const auto& [name, value] : std::vector<std::pair<const char*, const char*>>{
           {"temp", "x"}, {"temp", "-1"}, {"nope", "1"}, {"top-k", "1.5"}}) {
    EXPECT_THROW(chat.set(name, value), Error) << name;
  }
  EXPECT_THAT(chat.settings(), HasSubstr("temp 0.5"));
}

TEST(Chat, AModelWithoutATemplateSaysWhatToDo) {
  ChatRequest r = request();
  r.chat_template.text.clear();
  EXPECT_THAT(message_of([&] { Chat(r, {}); }, ErrorKind::kUsage),
              AllOf(HasSubstr("has no chat template"), HasSubstr("--chat-template NAME (chatml,")));
  r.chat_template.text = "chatlm";
  EXPECT_THAT(message_of([&] { Chat(r, {}); }, ErrorKind::kUsage), HasSubstr("chatml"));
}

TEST(Chat, APipeIsReadLineByLine) {
  const test::ProgramRun run = test::run_shell(
      "printf 'Hello\\n/system\\n\\n/set temp \\n/set n 3\\n/save\\n/stats\\ntwo "
      "\\\\\\nlines\\n/nope\\n' | "
      "\"$LATHE\" chat "
      "\"$MODEL\" --chat-template chatml --system 'Be kind.' -n 4 --temp 0 -t 1");
  EXPECT_EQ(run.exit_code, 1);  // of the command that is none
  EXPECT_THAT(run.err, AllOf(HasSubstr("Be kind."), HasSubstr("top-k 40"), HasSubstr("1 turn,"),
                             HasSubstr("no such command: /nope"), HasSubstr("/save wants a file")));
  EXPECT_EQ(std::count(run.out.begin(), run.out.end(), '\n'), 2) << run.out;
}

TEST(Chat, ATemplateThatRefusesIsToldAndTheConversationGoesOn) {
  ChatRequest r = request();
  r.chat_template.text =
      "{% if 'bad' in messages[-1].content %}{{ raise_exception('not so') }}{% endif %}"
      "{{ messages[-1].content }}";
  Chat chat(r, {});
  EXPECT_THAT(message_of([&] { chat.ask("bad", {}); }, ErrorKind::kBadInput), HasSubstr("not so"));
  EXPECT_EQ(chat.stats().n_turns, 0u);
  EXPECT_NE(chat.ask("good", {}).text, "");
}

}  // namespace
}  // namespace lathe
