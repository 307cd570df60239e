// What commands may write: no input of theirs, by any of its names; and what is kept when a signal
// or a reader that goes away ends them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "quant/imatrix/imatrix.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/output.h"
#include "tests/support/program.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/standard_output.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::run_command;
using test::RunningProgram;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-evaluation.txt");

using Args = std::vector<std::string>;

// A folder with an input of each kind.
class Inputs : public testing::Test {
 protected:
  Inputs() : before_(fs::current_path()) {
    fs::current_path(dir_.path());
    ::setenv("XDG_STATE_HOME", (dir_.path() + "/state").c_str(), 1);
    fs::copy_file(kModel, "model");
    fs::copy_file(kText, "text");
    std::ofstream("rules") << "attn_v=q8_0";
    fs::create_directory("tasks");
    std::ofstream("tasks/some.jsonl") << "{}";
    Imatrix imatrix;
    imatrix.chunk_count = imatrix.chunk_size = 1;
    imatrix.entries["blk.0.attn_q.weight"] = {1, {1.0f}, {1.0f}};
    for (const char* name : {"im1", "im2"}) write_imatrix(imatrix, test::output(name));
    run_command(add_plan, {"plan", "model", "Q4_0", "-o", "plan.json"});
  }
  ~Inputs() override {
    fs::current_path(before_);
    ::unsetenv("XDG_STATE_HOME");
  }

  // The command may not write to an input: by its path, a link to it, a hard link.
  static void refuses(AddCommand add, const std::string& input,
                      const std::function<Args(const std::string& out)>& args) {
    const auto bytes = read_file_bytes(input);
    fs::create_symlink(input, "link");
    fs::create_hard_link(input, "hard");
    for (const std::string& out : {input, "./" + input, std::string("link"), std::string("hard")}) {
      EXPECT_THAT(message_of([&] { run_command(add, args(out)); }, ErrorKind::kUsage),
                  HasSubstr("this run reads"))
          << testing::PrintToString(args(out));
    }
    EXPECT_TRUE(read_file_bytes(input) == bytes) << input;
    EXPECT_TRUE(fs::is_symlink("link"));
    fs::remove("link");
    fs::remove("hard");
  }

  TempDir dir_;
  fs::path before_;
};

TEST_F(Inputs, ImatrixWritesOverNone) {
  for (const char* input : {"model", "text"}) {
    refuses(add_imatrix, input, [](const std::string& out) -> Args {
      return {"imatrix", "-m", "model", "-f", "text", "--chunks", "1", "-o", out};
    });
  }
  for (const char* input : {"im1", "im2"}) {
    refuses(add_imatrix, input, [](const std::string& out) -> Args {
      return {"imatrix", "--in-file", "im1", "--in-file", "im2", "-o", out};
    });
  }
  fs::rename("text", "new.resume");
  EXPECT_THROW(
      run_command(add_imatrix, {"imatrix", "-m", "model", "-f", "new.resume", "-o", "new"}), Error)
      << "the name of the checkpoint";
  EXPECT_EQ(read_file_bytes("new.resume"), read_file_bytes(kText));
}

TEST_F(Inputs, ImatrixLeavesAFileOfItsCheckpointsNameAlone) {
  std::ofstream("new.resume") << "somebody's";
  EXPECT_THAT(message_of(
                  [] {
                    run_command(add_imatrix, {"imatrix", "-m", "model", "-f", "text", "-o", "new"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("new.resume"));
}

TEST_F(Inputs, PlanAndQuantizeWriteOverNone) {
  const std::map<std::string, Args> by_input = {
      {"model", {"Q4_0"}},
      {"im1", {"Q4_0", "--imatrix", "im1", "--allow-foreign-imatrix"}},
      {"rules", {"Q4_0", "--tensor-type-file", "rules"}},
      {"plan.json", {"--plan", "plan.json"}}};
  for (const auto& [input, more] : by_input) {
    refuses(add_plan, input, [&](const std::string& out) {
      Args args = {"plan", "model", "-o", out};
      args.insert(args.end(), more.begin(), more.end());
      return args;
    });
    const auto quantize = [&](const std::string& out) {
      Args args = {"quantize", "model", out};
      args.insert(args.end(), more.begin(), more.end());
      return args;
    };
    refuses(add_quantize, input, quantize);
    // And not under the temporary name.
    fs::copy_file(input, "kept");
    fs::rename(input, "new.part");
    fs::create_symlink("new.part", input);
    EXPECT_THAT(message_of([&] { run_command(add_quantize, quantize("new")); }, ErrorKind::kUsage),
                HasSubstr("this run reads"));
    EXPECT_TRUE(read_file_bytes("new.part") == read_file_bytes("kept"));
    fs::rename("new.part", input);
    fs::remove("kept");
  }
  refuses(add_quantize, "im2", [](const std::string& out) -> Args {
    return {"quantize", "model", out, "Q4_0", "--reuse", "im2"};
  });
}

TEST_F(Inputs, EvaluationsWriteOverNone) {
  const std::vector<Args> outputs = {{"--save-base"}, {"--save-logits"}, {"--checkpoint"}};
  for (const char* input : {"model", "text"}) {
    for (const Args& option : outputs) {
      refuses(add_eval, input, [&](const std::string& out) -> Args {
        return {"eval", "ppl", "-m", "model", "-f", "text", option[0], out};
      });
    }
  }
  for (const char* input : {"model", "text", "im1"}) {
    refuses(add_eval, input, [&](const std::string& out) -> Args {
      return {"eval", "kld", "-m", "model", "--base", "im1", "-f", "text", "--checkpoint", out};
    });
  }
  for (const char* input : {"model", "tasks/some.jsonl"}) {
    refuses(add_eval, input, [&](const std::string& out) -> Args {
      return {"eval", "arc", "-m", "model", "-f", "tasks/some.jsonl", "--checkpoint", out};
    });
  }
  EXPECT_THAT(message_of(
                  [] {
                    run_command(add_eval, {"eval", "arc", "-m", "model", "-f", "tasks",
                                           "--checkpoint", "tasks/new"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("lies in the folder tasks"));
  fs::rename("text", "new.text");
  EXPECT_THAT(message_of(
                  [] {
                    run_command(add_eval, {"eval", "all", "-m", "model", "-f", "new.text",
                                           "--chunks", "1", "--checkpoint", "new"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("this run reads"))
      << "the checkpoint of the text";
}

TEST_F(Inputs, OutputsThatCannotBeAreKnownBeforeTheWork) {
  fs::create_directory("folder");
  for (const char* out : {"folder", "folder/", "no/such", "/dev/null"}) {
    EXPECT_THROW(run_command(add_imatrix, {"imatrix", "-m", "absent", "-f", "text", "-o", out}),
                 Error);
    EXPECT_EQ(message_of(
                  [&] {
                    run_command(add_eval,
                                {"eval", "ppl", "-m", "absent", "-f", "text", "--save-base", out});
                  },
                  ErrorKind::kUsage)
                  .find("absent"),
              std::string::npos)
        << "the model was opened first";
  }
}

TEST_F(Inputs, AnEmptyNameIsNoName) {
  EXPECT_THROW(run_command(add_imatrix, {"imatrix", "-m", "model", "-f", "text", "-o", ""}), Error);
  EXPECT_THROW(run_command(add_plan, {"plan", "model", "Q4_0", "-o", ""}), Error);
  EXPECT_THROW(run_command(add_quantize, {"quantize", "model", "", "Q4_0"}), Error);
  for (const char* option : {"--save-base", "--save-logits", "--checkpoint"}) {
    EXPECT_THROW(run_command(add_eval, {"eval", "ppl", "-m", "model", "-f", "text", option, ""}),
                 test::CommandLineError);
  }
}

// A result that nobody gets: what was measured for it is kept.
TEST(Signals, LostOutputIsKeptAndPassedOn) {
  int kept = 0;
  EXPECT_THROW(run_interruptible([] { throw LostOutput("gone"); }, [&] { ++kept; }), LostOutput);
  EXPECT_EQ(kept, 1);
  EXPECT_THROW(run_interruptible([] { throw failed("else"); }, [&] { ++kept; }), Error);
  EXPECT_EQ(kept, 1);
}

TEST_F(Inputs, ThePlanIsAllThatStandsOnStandardOutput) {
  for (const char* out : {"-", "/dev/stdout", "/proc/self/fd/1"}) {
    const auto result = run_command(add_plan, {"plan", "model", "Q4_0", "-o", out});
    EXPECT_TRUE(
        std::equal(result.text.begin(), result.text.end(), read_file_bytes("plan.json").begin()))
        << out << "\n"
        << result.text.substr(0, 200);
  }
}

// ---- signals

TEST(Signals, AreFlagsAndExitCodes) {
  const std::map<int, int> codes = {{SIGINT, 130}, {SIGTERM, 143}, {SIGHUP, 129}};
  for (const auto& [signal, code] : codes) {
    int kept = 0;
    testing::internal::CaptureStderr();
    const int exit_code = run_interruptible(
        [&] {
          for (const int again : {signal, SIGINT, SIGTERM}) ::raise(again);  // ends nothing
          throw failed("stopped");
        },
        [&] { ++kept; });
    EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("what is done is being kept"));
    EXPECT_EQ(exit_code, code);
    EXPECT_EQ(kept, 1);
  }
}

TEST(Signals, ThoseThatAreIgnoredStaySo) {
  ::signal(SIGHUP, SIG_IGN);  // nohup
  EXPECT_EQ(run_interruptible([] {
              ::raise(SIGHUP);
              EXPECT_FALSE(InterruptGuard::requested());
            }),
            0);
  ::signal(SIGHUP, SIG_DFL);
}

std::string text_of(const std::string& path) {
  const auto bytes = read_file_bytes(path);
  return {bytes.begin(), bytes.end()};
}

TEST_F(Inputs, AQuantizationThatASignalEndsGoesOnLater) {
  RunningProgram program({"quantize", "-t", "1", "model", "new", "IQ3_S"});
  const auto some_done = [] {
    const std::string journal = text_of("new.part.journal");
    return std::count(journal.begin(), journal.end(), '\n') > 3;
  };
  EXPECT_EQ(program.signal_when(some_done, {SIGHUP}), 129);
  EXPECT_TRUE(fs::exists("new.part"));
  EXPECT_FALSE(fs::exists("new"));
  const auto rest = run_command(add_quantize, {"quantize", "--resume", "model", "new", "IQ3_S"});
  EXPECT_EQ(rest.exit_code, 0);
  EXPECT_THAT(rest.text, HasSubstr("from the interrupted run"));
}

TEST_F(Inputs, AnImatrixThatASignalEndsIsWhatWasCollected) {
  RunningProgram program(
      {"imatrix", "-t", "1", "-m", "model", "-f", "text", "-c", "64", "-o", "new"});
  const auto some_done = [] { return text_of("stdout").find("[2]") != std::string::npos; };
  EXPECT_EQ(program.signal_when(some_done, {SIGTERM}), 143);
  EXPECT_GE(read_imatrix("new").chunk_count, 2u);
  EXPECT_TRUE(fs::exists("new.resume"));
}

TEST_F(Inputs, AnEvaluationWithoutAReaderKeepsItsCheckpoint) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  fs::create_symlink("/dev/full", "stdout");
  RunningProgram program({"eval", "ppl", "-t", "1", "-m", "model", "-f", "text", "-c", "64",
                          "--chunks", "3", "--json", "--checkpoint", "kept"});
  EXPECT_EQ(program.signal_when([] { return true; }, {}), 1);
  EXPECT_TRUE(fs::exists("kept"));
  EXPECT_THAT(text_of("stderr"), HasSubstr("3 chunks are kept"));
}

TEST_F(Inputs, AnEvaluationThatASignalEndsKeepsItsCheckpoint) {
  RunningProgram program(
      {"eval", "ppl", "-t", "1", "-m", "model", "-f", "text", "-c", "64", "--checkpoint", "kept"});
  const auto some_done = [] { return text_of("stdout").find("[2]") != std::string::npos; };
  EXPECT_EQ(program.signal_when(some_done, {SIGINT, SIGINT}), 130);
  EXPECT_TRUE(fs::exists("kept"));
  EXPECT_THAT(text_of("stderr"), HasSubstr("--resume goes on"));
}

}  // namespace
}  // namespace lathe
