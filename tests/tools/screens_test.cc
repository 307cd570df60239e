// Screens and pipes: what becomes of results and messages that cannot be written, and what a
// terminal is sent.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "runtime/text/display_width.h"
#include "tests/support/program.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/cli/messages.h"
#include "tools/cli/standard_output.h"

namespace lathe {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kText = test::source_path("tests/data/demo-evaluation.txt");

// One that prints something of each kind, short of those that need long.
std::vector<std::string> printing_commands() {
  const std::string texts = " -m $MODEL -f " + kText + " -c 64 --chunks 2 -t 1";
  return {
      "--version",
      "--help",
      "run --help",
      "inspect $MODEL",
      "inspect $MODEL --json",
      "tokenize -m $MODEL -p Hello",
      "tokenize -m $MODEL -p Hello --ids",
      "run -m $MODEL -p Hello -n 2 --temp 0 -t 1",
      "bench -m $MODEL -p 4 -n 2 -r 1 -t 1",
      "bench -m $MODEL -p 4 -n 0 -r 1 -t 1 -o json",
      "cpu -t 1",
      "plan $MODEL Q4_K_M",
      "eval ppl" + texts,
      "eval ppl --json" + texts,
      "eval all" + texts,
      "eval kld --base $MODEL" + texts,
      "stats --blocks" + texts,
  };
}

TEST(Screens, AResultThatCannotBeWrittenIsAFailure) {
  for (const std::string& command : printing_commands()) {
    EXPECT_EQ(test::run_shell("$LATHE " + command + " > /dev/full").exit_code, 1) << command;
  }
}

TEST(Screens, AClosedOutputOrAReaderThatIsGoneIsAFailureThatIsNamed) {
  for (const char* command : {"inspect $MODEL", "--version", "run -m $MODEL -p x -n 2 -t 1",
                              "bench -m $MODEL -p 4 -n 0 -r 1 -t 1"}) {
    const std::string line = std::string("$LATHE ") + command;
    const test::ProgramRun closed = test::run_shell(line + " >&-");
    EXPECT_EQ(closed.exit_code, 1) << command;
    EXPECT_THAT(closed.err, HasSubstr("lathe: the result cannot be written to standard output"));
    const test::ProgramRun gone = test::run_without_reader(line);
    EXPECT_EQ(gone.exit_code, 1) << command;
    EXPECT_THAT(gone.err, HasSubstr("its reader is gone"));
  }
}

TEST(Screens, RunStopsWhenItsReaderIsGone) {
  // Without an end of its own: the test would time out.
  const test::ProgramRun run = test::run_without_reader(
      "$LATHE run -m $MODEL -p x --ignore-eos -c 100000 -t 1 2> /dev/null");
  EXPECT_EQ(run.exit_code, 1);
}

TEST(Screens, StandardErrorNeverChangesTheExitCode) {
  for (const char* where : {"2> /dev/full", "2>&-"}) {
    const auto code = [&](const std::string& command) {
      return test::run_shell("$LATHE " + command + " " + where).exit_code;
    };
    EXPECT_EQ(code("run -m /nonexistent -p x"), 3) << where;
    EXPECT_EQ(code("run -m $MODEL -p x -n 1 -t 1 -v -ngl 9"), 0) << where;
    EXPECT_EQ(code("nonsense"), 2) << where;
    EXPECT_EQ(code("run --chunks 3"), 2) << where;
    EXPECT_EQ(code("run -m $MODEL -p x -b 0"), 2) << where;
    EXPECT_EQ(code("tokenize -m $MODEL -p x --ids --show-count"), 0) << where;
  }
}

// A file that is opened while descriptors 1 and 2 are free would get what is printed.
TEST(Screens, NoFileTakesThePlaceOfAClosedDescriptor) {
  const TempDir dir;
  const std::string quantize = "$LATHE quantize -t 1 $MODEL " + dir.file("");
  ASSERT_EQ(test::run_shell(quantize + "a Q4_0").exit_code, 0);
  const test::ProgramRun closed = test::run_shell(quantize + "b Q4_0 <&- 2>&- >&-");
  EXPECT_THAT(closed.exit_code, testing::AnyOf(0, 1));  // 1: its summary found no reader
  EXPECT_EQ(test::run_shell("cmp " + dir.file("a") + " " + dir.file("b")).exit_code, 0);
}

TEST(Screens, AClosedInputIsNoEmptyText) {
  const test::ProgramRun run = test::run_shell("$LATHE tokenize -m $MODEL <&-");
  EXPECT_EQ(run.exit_code, 3);
  EXPECT_THAT(run.err, HasSubstr("standard input"));
}

TEST(Screens, MistakesInTheCommandLineAreMessagesLikeOthers) {
  for (const char* command :
       {"", "run", "run -m", "nonsense", "run --modle x", "eval", "run -m x -b -1",
        "run -m x --temp nan", "inspect a b c", "run -m x -p a -f b"}) {
    const test::ProgramRun run = test::run_shell(std::string("$LATHE ") + command);
    EXPECT_EQ(run.exit_code, 2) << command;
    EXPECT_THAT(run.err, StartsWith("lathe: ")) << command;
    EXPECT_EQ(run.err.find('\n'), run.err.size() - 1) << run.err;  // one line
    EXPECT_EQ(run.out, "") << command;
  }
}

TEST(Screens, HelpAndVersionAreResults) {
  const test::ProgramRun version = test::run_shell("$LATHE --version");
  EXPECT_EQ(version.exit_code, 0);
  EXPECT_THAT(version.out, testing::ContainsRegex("^lathe [0-9.]+ \\([^)]+\\)\n$"));
  EXPECT_THAT(test::run_shell("$LATHE run --help").out, HasSubstr("--prompt"));
}

class OnTerminal : public testing::Test {
 protected:
  void SetUp() override {
    if (!test::has_terminals()) GTEST_SKIP() << "no pseudo-terminals here (/dev/pts)";
  }
};

TEST_F(OnTerminal, MessagesTakeTheLiveLineAway) {
  const std::string sent = test::text_on_terminal(40, [] {
    show_live_line("half of the work");
    warn("watch out");
    show_live_line("more of it");
    put_text("a result\n");
    flush_output();
  });
  EXPECT_EQ(sent,
            "\rhalf of the work\033[K"
            "\r\033[Klathe: warning: watch out\r\n"
            "\rmore of it\033[K"
            "\r\033[Ka result\r\n");
}

TEST_F(OnTerminal, AMessageDoesNotBeginInTheMiddleOfALineOfResults) {
  const std::string sent = test::text_on_terminal(40, [] {
    put_text("[1]5.1,");
    say("on a line of its own");
    put_text("[2]5.2,\n");
    flush_output();
  });
  EXPECT_EQ(sent, "[1]5.1,\r\non a line of its own\r\n[2]5.2,\r\n");
}

TEST_F(OnTerminal, LiveLinesAreCutToTheTerminal) {
  const std::string sent = test::text_on_terminal(
      20, [] { show_live_line("\u65E5\u672C\u8A9E\u65E5\u672C\u8A9E\u65E5\u672C\u8A9E.gguf\nx"); });
  ASSERT_THAT(sent, StartsWith("\r"));
  const std::string line = sent.substr(1, sent.find('\033') - 1);
  EXPECT_EQ(line, "\u65E5\u672C\u8A9E\u65E5\u672C\u8A9E\u65E5\u672C...");
  EXPECT_LT(display_width(line), 20u);
}

}  // namespace
}  // namespace lathe
