// lathe convert ended in the middle, by Ctrl-C or at once: what it leaves, and what becomes of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/support/checkpoint_builder.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/program.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::run_command;
using testing::HasSubstr;

class InterruptedConversion : public testing::TestWithParam<int> {
 protected:
  InterruptedConversion() : before_(fs::current_path()) {
    fs::current_path(dir_.path());
    test::TinyModel m;
    m.n_vocab = 300;
    m.n_embd = m.n_ff = 256;
    m.n_layer = 6;
    m.format = Format::BF16;
    test::CheckpointBuilder builder(m, "LlamaForCausalLM");
    builder.n_shards = 3;
    builder.write("checkpoint");
  }
  ~InterruptedConversion() override { fs::current_path(before_); }

  static std::string text_of(const std::string& path) {
    const auto bytes = read_file_bytes(path);
    return {bytes.begin(), bytes.end()};
  }
  static test::CommandOutput convert(std::vector<std::string> args) {
    args.insert(args.begin(), {"convert", "checkpoint", "IQ3_S"});
    return run_command(add_convert, std::move(args));
  }
  // Ends with the signal when some tensors are done.
  static int end_in_the_middle(const std::vector<std::string>& more, int signal) {
    std::vector<std::string> args = {"convert", "-t", "1", "checkpoint", "IQ3_S", "-o", "new.gguf"};
    args.insert(args.end(), more.begin(), more.end());
    test::RunningProgram program(args);
    const auto some_done = [] {
      const std::string journal = text_of("new.gguf.part.journal");
      return std::count(journal.begin(), journal.end(), '\n') > 3;
    };
    return program.signal_when(some_done, {signal});
  }
  static std::size_t n_files() {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator("."), {}));
  }

 private:
  TempDir dir_;
  fs::path before_;
};

TEST_P(InterruptedConversion, GoesOnToTheSameBytes) {
  const int signal = GetParam();
  EXPECT_EQ(convert({"-o", "whole.gguf"}).exit_code, 0);
  EXPECT_EQ(end_in_the_middle({}, signal), signal == SIGKILL ? -SIGKILL : 128 + signal);
  EXPECT_FALSE(fs::exists("new.gguf"));
  EXPECT_TRUE(fs::exists("new.gguf.part"));
  if (signal != SIGKILL) {
    EXPECT_THAT(text_of("stderr"), HasSubstr("the same command with --resume goes on"));
  }
  const auto rest = convert({"-o", "new.gguf", "--resume"});
  EXPECT_EQ(rest.exit_code, 0);
  EXPECT_THAT(rest.text, HasSubstr("from the interrupted run"));
  EXPECT_TRUE(read_file_bytes("new.gguf") == read_file_bytes("whole.gguf"));
  EXPECT_EQ(n_files(), 5U) << "the checkpoint, two models, stdout and stderr";
}

TEST_P(InterruptedConversion, LeavesNoPartOfASplitModelUnderItsName) {
  const std::vector<std::string> split = {"--split-max-tensors", "10"};
  EXPECT_NE(end_in_the_middle(split, GetParam()), 0);
  for (const fs::directory_entry& entry : fs::directory_iterator(".")) {
    EXPECT_NE(entry.path().extension(), ".gguf") << entry.path();
  }
  std::vector<std::string> args = {"-o", "new.gguf", "--resume"};
  args.insert(args.end(), split.begin(), split.end());
  EXPECT_THAT(convert(args).text, HasSubstr("from the interrupted run"));
  EXPECT_TRUE(fs::exists("new-00001-of-00006.gguf"));
  EXPECT_FALSE(fs::exists("new.gguf.part.journal"));
}

// Another checkpoint of the same shape is another job.
TEST_P(InterruptedConversion, OfAnotherCheckpointIsNotGoneOnWith) {
  EXPECT_NE(end_in_the_middle({}, GetParam()), 0);
  const std::string weights = "checkpoint/model-00002-of-00003.safetensors";
  auto bytes = read_file_bytes(weights);
  bytes[bytes.size() - 2] ^= 1;
  test::write_bytes(weights, bytes);
  EXPECT_THAT(message_of(
                  [] {
                    convert({"-o", "new.gguf", "--resume"});
                  },
                  ErrorKind::kUsage),
              HasSubstr("another one"));
  EXPECT_TRUE(fs::exists("new.gguf.part")) << "nothing is lost";
}

INSTANTIATE_TEST_SUITE_P(Signals, InterruptedConversion, testing::Values(SIGINT, SIGTERM, SIGKILL),
                         [](const auto& test) { return std::string(sigabbrev_np(test.param)); });

}  // namespace
}  // namespace lathe
