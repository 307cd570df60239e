// lathe quantize --heal and lathe plan --prune, through the commands' own options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "quant/plan/pruned_layers.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using test::run_command;
using testing::AllOf;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-calibration.txt");

class Heal : public testing::Test {
 protected:
  test::CommandOutput quantize(std::vector<std::string> args) const {
    args.insert(args.begin(), "quantize");
    return run_command(add_quantize, std::move(args));
  }
  test::CommandOutput plan(std::vector<std::string> args) const {
    args.insert(args.begin(), "plan");
    return run_command(add_plan, std::move(args));
  }
  std::string out(const std::string& name) const { return dir_.file(name); }

  TempDir dir_;
};

std::vector<std::uint8_t> tensor_bytes(const GgufFile& file, const std::string& name) {
  const auto data = file.data(file.require(name));
  return {data.begin(), data.end()};
}

// Layer 6 is left out: 5 stands for both, 7 becomes 6.
TEST_F(Heal, WritesTheHealedModelAndSaysSo) {
  const auto run = quantize({"--prune-layers", "6", "--heal", kText, "--heal-chunks", "24",
                             "--heal-context", "128", kModel, out("healed.gguf"), "F16"});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.text, AllOf(HasSubstr("blk.5.ffn_down.weight"), HasSubstr("pruned and healed"),
                              HasSubstr("without layers 6")));
  const GgufFile source = GgufFile::open(kModel), healed = GgufFile::open(out("healed.gguf"));
  EXPECT_EQ(pruned_layers(healed.metadata()), std::vector{6});
  const StringList* hashes = healed.metadata().string_array("lathe.heal.text_sha256");
  ASSERT_NE(hashes, nullptr);
  ASSERT_EQ(hashes->size(), 1u);
  EXPECT_EQ((*hashes)[0], sha256_hex(read_file_bytes(kText)));
  EXPECT_EQ(tensor_bytes(healed, "blk.4.ffn_down.weight"),
            tensor_bytes(source, "blk.4.ffn_down.weight"));
  EXPECT_NE(tensor_bytes(healed, "blk.5.ffn_down.weight"),
            tensor_bytes(source, "blk.5.ffn_down.weight"));

  // A plain pruning takes from it what healing left alone, and nothing else.
  quantize(
      {"--prune-layers", "6", "--reuse", out("healed.gguf"), kModel, out("plain.gguf"), "F16"});
  EXPECT_EQ(tensor_bytes(GgufFile::open(out("plain.gguf")), "blk.5.ffn_down.weight"),
            tensor_bytes(source, "blk.5.ffn_down.weight"));

  // A file that is made of it still says that it was healed.
  quantize({out("healed.gguf"), out("small.gguf"), "Q4_K_M"});
  EXPECT_TRUE(GgufFile::open(out("small.gguf")).metadata().has("lathe.heal.text_sha256"));
}

TEST_F(Heal, RefusesWhatMakesNoSense) {
  const auto refusal = [&](std::vector<std::string> args) {
    args.insert(args.end(), {kModel, out("x.gguf"), "F16"});
    return message_of([&] { quantize(args); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(refusal({"--heal", kText}), HasSubstr("--heal goes with --prune-layers"));
  EXPECT_THAT(refusal({"--heal", kText, "--heal-chunks", "4", "--prune-layers", "3"}),
              HasSubstr("healing wants at least"));
  EXPECT_TRUE(fs::is_empty(dir_.path()));
}

TEST_F(Heal, PlansTheLayersThatCostLeast) {
  const auto run = plan({kModel, "Q8_0", "--prune", "1", "--calibrate", kText, "--prune-chunks",
                         "2", "-o", out("plan.json")});
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.text, AllOf(HasSubstr("without layer"), HasSubstr("--prune-layers 2"),
                              HasSubstr("without layers 2")));
  const auto bytes = read_file_bytes(out("plan.json"));
  EXPECT_THAT(std::string(bytes.begin(), bytes.end()), HasSubstr("\"pruned_layers\": [2]"));
}

TEST_F(Heal, PlanRefusesWhatMakesNoSense) {
  const auto refusal = [&](std::vector<std::string> args) {
    args.insert(args.begin(), {kModel, "Q8_0"});
    return message_of([&] { plan(args); }, ErrorKind::kUsage);
  };
  EXPECT_THAT(refusal({"--prune", "1"}), HasSubstr("--prune and --calibrate go together"));
  EXPECT_THAT(refusal({"--calibrate", kText}), HasSubstr("go together"));
  EXPECT_THAT(refusal({"--prune", "1", "--calibrate", kText, "--prune-layers", "3"}),
              HasSubstr("leave one of them out"));
  EXPECT_THAT(refusal({"--prune", "8", "--calibrate", kText, "--prune-chunks", "2"}),
              HasSubstr("at least one remains"));
}

}  // namespace
}  // namespace lathe
