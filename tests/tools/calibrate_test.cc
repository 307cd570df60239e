// lathe quantize --calibrate, through the command's own options.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "quant/calibrate/calibrated_files.h"
#include "quant/pipeline/provenance.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using test::run_command;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-calibration.txt");

class Calibrate : public testing::Test {
 protected:
  test::CommandOutput quantize(std::vector<std::string> more, const std::string& out) const {
    std::vector<std::string> args = {"quantize", "--calibrate",         kText, "--calibrate-tokens",
                                     "1024",     "--calibrate-context", "128", "--sweeps",
                                     "0"};
    args.insert(args.end(), more.begin(), more.end());
    args.insert(args.end(), {kModel, dir_.file(out), "Q4_K_S"});
    return run_command(add_quantize, std::move(args));
  }
  std::string refusal(std::vector<std::string> more) const {
    return message_of([&] { quantize(more, "refused.gguf"); }, ErrorKind::kUsage);
  }

  TempDir dir_;
};

TEST_F(Calibrate, TheFileSaysHowAndIsReused) {
  const auto run = quantize({}, "a.gguf");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.text, AllOf(HasSubstr("error %, plain"), HasSubstr("ffn_down"),
                              HasSubstr("57 encoded, 17 copied")));
  const std::string folder = CalibratedFiles::folder_for(dir_.file("a.gguf"));
  EXPECT_FALSE(std::filesystem::exists(folder));
  const GgufFile file = GgufFile::open(dir_.file("a.gguf"));
  const Metadata& metadata = file.metadata();
  EXPECT_EQ(metadata.require_text(kCalibrationKey).size(), 64u);
  EXPECT_EQ((*metadata.string_array("lathe.calibrate.texts"))[0], "demo-calibration.txt");
  EXPECT_THAT(std::string(metadata.require_text("lathe.calibrate.settings")),
              HasSubstr("sweeps 0"));

  const auto again = quantize({"--reuse", dir_.file("a.gguf")}, "b.gguf");
  EXPECT_THAT(again.text, HasSubstr("0 encoded, 17 copied, 57 reused"));
  EXPECT_TRUE(read_file_bytes(dir_.file("b.gguf")) == read_file_bytes(dir_.file("a.gguf")));
}

TEST_F(Calibrate, ADryRunDoesNothing) {
  const auto run = quantize({"--dry-run"}, "dry.gguf");
  EXPECT_EQ(run.exit_code, 0);
  EXPECT_THAT(run.text, HasSubstr("Q4_K_S: base"));
  EXPECT_TRUE(std::filesystem::is_empty(dir_.path()));
}

TEST_F(Calibrate, WhatCannotBeDoneIsRefusedAtOnce) {
  EXPECT_THAT(refusal({"--resume"}), HasSubstr("refused.gguf: nothing to resume"));
  const std::string little = dir_.file("little.txt");
  std::ofstream(little) << "Two words.";
  EXPECT_THAT(refusal({"--calibrate", little}), HasSubstr("2 chunks of 128 need at least 256"));
  EXPECT_FALSE(std::filesystem::exists(dir_.file("refused.gguf")));
}

// The danger of calibration: kinds of text that it never saw. OLMo-2 with a text of books, judged
// on WikiText, against an importance matrix. The mean is lower. The worst tokens are a handful,
// which differ from one kind of CPU to the next by a factor of two; before tokens were weighted by
// the norms behind a product, they were more than four times as bad.
class LongCalibrate : public Calibrate {
 protected:
  struct Divergence {
    double mean, worst;
  };
  Divergence divergence(const std::string& file, const std::string& text) const {
    const auto run = run_command(add_eval, {"eval", "kld", "--base", kOlmo, "-m", dir_.file(file),
                                            "-f", kShared + "text/" + text, "--chunks", "12",
                                            "--json", "--checkpoint", dir_.file("checkpoint")});
    const auto json = nlohmann::json::parse(run.text);
    return {json["kld"], json["kld_percentiles"]["99.9"]};
  }

  const std::string kShared = test::source_path("../shared/");
  const std::string kOlmo = test::source_path("tests/data/tiny-olmo2-f16.gguf");
};

TEST_F(LongCalibrate, ForeignTextIsNotTheWorseForIt) {
  if (!std::filesystem::exists(kShared + "text/wiki.test.raw")) {
    GTEST_SKIP() << "no " << kShared << "text: the repository stands alone";
  }
  run_command(add_quantize,
              {"quantize", "--imatrix", kShared + "golden/trained/tiny-olmo2/imatrix.gguf", kOlmo,
               dir_.file("plain.gguf"), "IQ4_NL"});
  run_command(add_quantize,
              {"quantize", "--calibrate", kShared + "text/books-calibration.txt",
               "--calibrate-tokens", "32768", kOlmo, dir_.file("calibrated.gguf"), "IQ4_NL"});
  const Divergence books = divergence("plain.gguf", "books-eval.txt");
  EXPECT_LT(divergence("calibrated.gguf", "books-eval.txt").mean, 0.55 * books.mean);
  const Divergence plain = divergence("plain.gguf", "wiki.test.raw");
  const Divergence calibrated = divergence("calibrated.gguf", "wiki.test.raw");
  EXPECT_LT(calibrated.mean, 0.8 * plain.mean);
  EXPECT_LT(calibrated.worst, 2.5 * plain.worst);
}

}  // namespace
}  // namespace lathe
