// lathe stats by its own options: forms of output, what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "quant/imatrix/imatrix.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/identity/fingerprint.h"
#include "tests/support/command_run.h"
#include "tests/support/error_of.h"
#include "tests/support/file_bytes.h"
#include "tests/support/output.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/jobs/stats.h"

namespace lathe {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");
const std::string kText = test::source_path("tests/data/demo-calibration.txt");

class StatsCommand : public testing::Test {
 protected:
  StatsCommand() {
    const GgufFile model = GgufFile::open(kModel);
    Imatrix imatrix;
    imatrix.chunk_size = 64;
    for (const TensorInfo& t : model.tensors()) {
      if (t.name.find("attn_q.weight") == std::string::npos) continue;
      std::vector<float> sums(t.cols(), 1.0f);
      sums[imatrix.entries.size()] = 50.0f;
      imatrix.entries[t.name] = {t.cols(), sums, {1.0f}};
    }
    write_imatrix(imatrix, test::output(file_));
  }
  std::string run(std::vector<std::string> args) const {
    args.insert(args.begin(), "stats");
    return test::run_command(add_stats, std::move(args)).text;
  }
  std::string refusal(std::vector<std::string> args) const {
    return message_of([&] { run(args); }, ErrorKind::kUsage);
  }

  TempDir dir_;
  const std::string file_ = dir_.file("im.gguf");
};

TEST_F(StatsCommand, JsonSaysWhatItIsOf) {
  const json tables = json::parse(run({file_, "-m", kModel, "--json", "-t", "1"}));
  EXPECT_EQ(tables["kind"], "stats");
  EXPECT_EQ(tables["schema"], 1);
  EXPECT_EQ(tables["imatrix"]["sha256"], sha256_hex(read_file_bytes(file_)));
  const std::string fingerprint = model_fingerprint(GgufFile::open(kModel));
  EXPECT_EQ(tables["model"]["fingerprint"], fingerprint);
  EXPECT_EQ(tables["tensors"].size(), 8u);
  EXPECT_TRUE(tables["layers"][0].contains("zd_weight"));

  const json blocks = json::parse(run(
      {"--blocks", "-m", kModel, "-f", kText, "-c", "64", "--chunks", "2", "--json", "-t", "1"}));
  EXPECT_EQ(blocks["kind"], "stats blocks");
  EXPECT_EQ(blocks["model"]["fingerprint"], fingerprint);
  EXPECT_EQ(blocks["texts"][0]["sha256"], sha256_hex(read_file_bytes(kText)));
  EXPECT_EQ(blocks["block_influence"].size(), 8u);
  EXPECT_EQ(blocks["n_chunks"], 2);
}

TEST_F(StatsCommand, CsvHasAsManyCellsInEachLine) {
  for (const std::string& csv :
       {run({file_, "--csv"}), run({"--blocks", "-m", kModel, "-f", kText, "-c", "64", "--chunks",
                                    "2", "--csv", "-t", "1"})}) {
    std::size_t n_lines = 0;
    std::ptrdiff_t n_commas = -1;
    for (std::size_t at = 0; at < csv.size(); ++n_lines) {
      const std::size_t end = csv.find('\n', at);
      const auto n = std::count(csv.begin() + static_cast<std::ptrdiff_t>(at),
                                csv.begin() + static_cast<std::ptrdiff_t>(end), ',');
      if (n_commas >= 0) {
        EXPECT_EQ(n, n_commas) << n_lines;
      }
      n_commas = n;
      at = end + 1;
    }
    EXPECT_GE(n_lines, 9u);
  }
}

TEST_F(StatsCommand, TablesForPeople) {
  EXPECT_THAT(run({file_, "--sort", "sum"}), AllOf(HasSubstr("attn_q"), HasSubstr("CosSim")));
  EXPECT_THAT(run({"--blocks", "-m", kModel, "-f", kText, "-c", "64", "--chunks", "2", "-t", "1"}),
              AllOf(HasSubstr("block influence"), HasSubstr("128 tokens in 2 chunks")));
}

TEST_F(StatsCommand, WhatWouldBeIgnoredIsRefused) {
  EXPECT_THAT(refusal({file_, "-m", kModel, "-f", kText}),
              AllOf(HasSubstr("only --blocks runs a text"), HasSubstr("lathe imatrix")));
  EXPECT_THAT(refusal({"-m", kModel, "-f", kText}), HasSubstr("only --blocks"));
  EXPECT_THAT(refusal({"--blocks", file_, "-m", kModel, "-f", kText}),
              HasSubstr("takes no importance matrix"));
  EXPECT_THAT(refusal({"--blocks", "-m", kModel}), HasSubstr("-f TEXT"));
  EXPECT_THAT(refusal({"-m", kModel, "--sort", "sum"}), HasSubstr("--sort"));
  EXPECT_THAT(refusal({file_, "--sort", "beauty"}), HasSubstr("no column"));
  EXPECT_THAT(refusal({file_, "--json", "--csv"}), HasSubstr("not both"));
  EXPECT_THAT(refusal({}), HasSubstr("expected an importance matrix"));
}

// A stop is heard while the model is hashed, within a chunk, and between pieces of weights.
TEST_F(StatsCommand, StopsWhereverItIs) {
  StatsRequest request;
  request.engine.model = kModel;
  request.engine.n_ctx = 64;
  request.engine.n_threads = 1;
  request.text.files = {kText};
  request.text.max_chunks = 2;
  std::size_t n_calls = 0;
  measure_blocks(request, "", {}, [&](double, std::string_view) { return ++n_calls > 0; });
  EXPECT_GT(n_calls, 2u * 8u) << "after each layer";
  for (std::size_t stop = 1; stop < n_calls; ++stop) {
    std::size_t n = 0;
    EXPECT_THAT(message_of(
                    [&] {
                      measure_blocks(request, "", {},
                                     [&](double, std::string_view) { return ++n < stop; });
                    },
                    ErrorKind::kFailed),
                HasSubstr("stopped"))
        << stop;
  }
}

}  // namespace
}  // namespace lathe
