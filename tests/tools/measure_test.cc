// lathe measure, and lathe plan --costs, through the commands' own options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/jobs/byte_size.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kOther = test::source_path("tests/data/tiny-olmo2-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-calibration.txt");

test::CommandOutput run(AddCommand command, std::vector<std::string> args) {
  return test::run_command(command, std::move(args));
}

// One file of costs for all tests: it takes a second or two.
class MeasureCommand : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    dir_ = new TempDir;
    ::setenv("XDG_CACHE_HOME", dir_->path().c_str(), 1);
    run(add_measure, {"measure", kModel, "--calibrate", kText, "-o", costs(), "--tokens", "512",
                      "-c", "64", "--types", "q8_0,q6_k,q4_k,q3_k", "--rows", "4", "-t", "2"});
  }
  static void TearDownTestSuite() {
    ::unsetenv("XDG_CACHE_HOME");
    delete dir_;
  }
  static std::string costs() { return dir_->file("costs.json"); }
  static std::string file(const std::string& name) { return dir_->file(name); }
  static json planned(std::vector<std::string> args) {
    args.insert(args.begin(), {"plan", kModel, "--costs", costs(), "--json"});
    return json::parse(run(add_plan, std::move(args)).text);
  }
  static std::string refusal(std::vector<std::string> args, ErrorKind kind = ErrorKind::kUsage) {
    args.insert(args.begin(), "plan");
    return message_of([&] { run(add_plan, args); }, kind);
  }

  static TempDir* dir_;
};
TempDir* MeasureCommand::dir_ = nullptr;

TEST_F(MeasureCommand, SaysWhatTheCostsAreOf) {
  std::ostringstream text;
  text << std::ifstream(costs()).rdbuf();
  const json found = json::parse(text.str());
  EXPECT_EQ(found["model"]["file"], "tiny-llama-f16.gguf");
  EXPECT_EQ(found["texts"][0]["file"], "demo-calibration.txt");
  EXPECT_EQ(found["texts"][0]["n_tokens"], 512);
  EXPECT_EQ(found["n_scored"], 256);
  ASSERT_GT(found["tensors"].size(), 50U);
  for (const json& tensor : found["tensors"]) {
    EXPECT_EQ(tensor["costs"]["f16"], 0.0);
    EXPECT_GT(tensor["costs"]["q3_K"], tensor["costs"]["q8_0"]) << tensor["name"];
  }
}

TEST_F(MeasureCommand, ThePlannedFileIsNoLargerThanAsked) {
  const std::string plan = file("plan.json"), out = file("out.gguf");
  const std::string said = run(add_plan, {"plan", kModel, "--costs", costs(), "--size", "4.2MB",
                                          "-o", plan, "--tensor-type", "blk.0.ffn_up=q8_0"})
                               .text;
  EXPECT_THAT(said, AllOf(HasSubstr("predicted divergence"), HasSubstr("measured: divergence"),
                          HasSubstr("--tensor-type blk.0.ffn_up=q8_0")));
  run(add_quantize, {"quantize", "--plan", plan, kModel, out, "-t", "2"});
  EXPECT_LE(fs::file_size(out), 4200000U);
  EXPECT_GT(fs::file_size(out), 4150000U);
  const GgufFile written = GgufFile::open(out);
  EXPECT_EQ(written.require("blk.0.ffn_up.weight").format, Format::Q8_0);
}

TEST_F(MeasureCommand, SizesFrontierAndChecks) {
  const json of = planned({"--size", "4MB", "--bpw", "6", "--frontier", "--svg", file("f.svg"),
                           "--check", kText, "--check-chunks", "2"});
  EXPECT_EQ(of["kind"], "plan --costs");
  ASSERT_EQ(of["plans"].size(), 2U);
  EXPECT_LE(of["plans"][0]["file_bytes"], 4000000);
  EXPECT_LE(of["plans"][1]["bits_per_weight"], 6.0);
  for (const json& plan : of["plans"]) {
    EXPECT_TRUE(plan["exact"]);
    const double ratio = plan["kld"].get<double>() / plan["predicted_kld"].get<double>();
    EXPECT_GT(ratio, 0.6);
    EXPECT_LT(ratio, 1.6);
  }
  double before = 1e9;
  for (const json& point : of["frontier"]) {
    EXPECT_LE(point["predicted_kld"], before);
    before = point["predicted_kld"];
  }
  ASSERT_GT(of["recipes"].size(), 3U);
  for (const json& r : of["recipes"]) {
    EXPECT_LE(r["measured"]["predicted_kld"].get<double>(),
              r["of"]["predicted_kld"].get<double>() + 1e-12)
        << r["recipe"];
    EXPECT_LE(r["measured"]["file_bytes"], r["of"]["file_bytes"]);
  }
  std::ostringstream svg;
  svg << std::ifstream(file("f.svg")).rdbuf();
  EXPECT_THAT(svg.str(), AllOf(HasSubstr("<polyline"), HasSubstr("Q4_K_M"), HasSubstr("</svg>")));
}

TEST_F(MeasureCommand, SeveralSizesWantNames) {
  EXPECT_THAT(refusal({kModel, "--costs", costs(), "--size", "4MB", "--size", "5MB", "-o",
                       file("one.json")}),
              HasSubstr("plan-{}.json"));
  run(add_plan, {"plan", kModel, "--costs", costs(), "--size", "4MB", "--size", "5MB", "-o",
                 file("plan-{}.json")});
  EXPECT_TRUE(fs::exists(file("plan-4MB.json")));
  EXPECT_TRUE(fs::exists(file("plan-5MB.json")));
}

TEST_F(MeasureCommand, Refusals) {
  EXPECT_THAT(refusal({kOther, "--costs", costs(), "--size", "4MB"}, ErrorKind::kBadInput),
              HasSubstr("costs of another model"));
  EXPECT_THAT(refusal({kModel, "--costs", costs()}), HasSubstr("--size"));
  EXPECT_THAT(refusal({kModel, "--size", "4MB"}), HasSubstr("--costs"));
  EXPECT_THAT(refusal({kModel, "Q4_K_M", "--costs", costs(), "--size", "4MB"}),
              HasSubstr("recipe"));
  EXPECT_THAT(refusal({kModel, "--costs", costs(), "--size", "100KB"}), HasSubstr("small"));
  EXPECT_THAT(refusal({kModel, "--costs", costs(), "--size", "4MB", "--types", "q5_k"}),
              HasSubstr("q5_K"));
  EXPECT_THAT(refusal({kModel, "--costs", costs(), "--size", "4MB", "--may-prune"}),
              HasSubstr("--layers"));
}

TEST(ByteSize, AsPeopleWriteThem) {
  EXPECT_EQ(parse_byte_size("4500000", "--size"), 4500000U);
  EXPECT_EQ(parse_byte_size("4.5GB", "--size"), 4500000000U);
  EXPECT_EQ(parse_byte_size("4.5 gb", "--size"), 4500000000U);
  EXPECT_EQ(parse_byte_size("1.5MiB", "--size"), 1572864U);
  EXPECT_EQ(parse_byte_size("12KB", "--size"), 12000U);
  for (const char* bad : {"", "GB", "4.5XB", "-1GB", "0", "nan", "inf", "1e3GB", "4.5GB5"}) {
    EXPECT_THAT(message_of([&] { parse_byte_size(bad, "--size"); }, ErrorKind::kUsage),
                HasSubstr("--size"))
        << bad;
  }
}

}  // namespace
}  // namespace lathe
