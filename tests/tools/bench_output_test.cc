// Rows of `lathe bench`: the fields that scripts rely on, and formats that machines can read back.
#include "tools/report/bench_output.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "runtime/base/error.h"
#include "tools/report/bench_row.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

SpeedResult sample_result() {
  SpeedResult result;
  result.test = {.n_prompt = 0, .n_gen = 100};
  result.seconds = {2.0, 2.5};
  result.limit_seconds = {1.5, 1.75};
  result.limit = "read bandwidth";
  result.gb_per_s = 30;
  return result;
}

Json sample_row(const SpeedResult& result = sample_result()) {
  static const ModelTraits traits = [] {
    ModelTraits t;
    t.n_params = 1'240'000'000;
    t.weight_bytes = 808'000'000;
    return t;
  }();
  return bench_row({.cpu_info = "Some \"CPU\", it's fast",
                    .model_filename = "a.gguf",
                    .traits = &traits,
                    .model_type = "llama 1.24 B q4_K",
                    .options = {},
                    .n_threads = 2},
                   result);
}

TEST(BenchRow, HasEveryFieldThatScriptsRelyOn) {
  const Json row = sample_row();
  for (const char* field :
       {"build_commit",   "build_number", "cpu_info",   "gpu_info",       "backends",
        "model_filename", "model_type",   "model_size", "model_n_params", "n_batch",
        "n_ubatch",       "n_threads",    "cpu_mask",   "type_k",         "type_v",
        "flash_attn",     "use_mmap",     "n_prompt",   "n_gen",          "n_depth",
        "test_time",      "avg_ns",       "stddev_ns",  "avg_ts",         "stddev_ts",
        "samples_ns",     "samples_ts",   "limit_share"}) {
    EXPECT_TRUE(row.contains(field)) << field;
  }
  EXPECT_TRUE(row["model_size"].is_number_integer());
  EXPECT_TRUE(row["samples_ns"].is_array());
  EXPECT_EQ(row["type_k"], "f16");
  EXPECT_EQ(row["backends"], "CPU");
}

TEST(BenchRow, ComputesWhatItSays) {
  const Json row = sample_row();
  EXPECT_EQ(row["avg_ns"], 2'250'000'000);
  EXPECT_EQ(row["samples_ns"], (std::vector<long long>{2'000'000'000, 2'500'000'000}));
  EXPECT_DOUBLE_EQ(row["avg_ts"].get<double>(), 45.0);
  EXPECT_NEAR(row["stddev_ts"].get<double>(), 7.0710678, 1e-6);
  EXPECT_DOUBLE_EQ(row["limit_share"].get<double>(), (0.75 + 0.7) / 2);
  EXPECT_EQ(row["limit"], "read bandwidth");
  const std::string time = row["test_time"];
  ASSERT_EQ(time.size(), 20u) << time;
  EXPECT_EQ(time[10], 'T');
  EXPECT_EQ(time[19], 'Z');
}

TEST(BenchRow, ABrokenProbeGivesNoShare) {
  SpeedResult result = sample_result();
  result.limit_seconds = {2.2, 2.6};
  EXPECT_TRUE(sample_row(result)["limit_share"].is_null());
  result.limit_seconds = {2.02, 2.52};  // within what noise does
  EXPECT_EQ(sample_row(result)["limit_share"], 1.0);
}

TEST(BenchOutput, JsonOfManyRowsIsOneArray) {
  std::string text = bench_header(BenchFormat::kJson, {}, {});
  for (int i = 0; i < 3; ++i) text += bench_line(BenchFormat::kJson, sample_row(), i == 0);
  text += bench_footer(BenchFormat::kJson, true);
  const Json read = Json::parse(text);
  ASSERT_EQ(read.size(), 3u);
  EXPECT_EQ(read[1], sample_row());
  EXPECT_EQ(Json::parse(bench_header(BenchFormat::kJson, {}, {}) +
                        bench_footer(BenchFormat::kJson, false)),
            Json::array());
}

TEST(BenchOutput, ATableBeginsWithWhatItIsOf) {
  const std::string text =
      bench_header(BenchFormat::kMarkdown, {.cpu_model = "Some CPU", .tier = "avx2"}, {"a/b.gguf"});
  EXPECT_TRUE(text.starts_with("lathe "));
  EXPECT_NE(text.find("Some CPU, avx2\na/b.gguf\n\n| model"), std::string::npos) << text;
}

TEST(BenchOutput, DepthIsPartOfARow) {
  SpeedResult result = sample_result();
  result.test.n_depth = 4096;
  EXPECT_EQ(sample_row(result)["n_depth"], 4096);
  const std::string line = bench_line(BenchFormat::kMarkdown, sample_row(result), true);
  EXPECT_NE(line.find(" tg100 @ d4096 |"), std::string::npos) << line;
  EXPECT_NE(line.find("808.00 MB"), std::string::npos) << line;
}

TEST(BenchOutput, TokensOfAStepArePartOfARow) {
  SpeedResult result = sample_result();
  EXPECT_EQ(sample_row(result)["n_step"], 1);
  result.test.n_step = 4;
  EXPECT_EQ(sample_row(result)["n_step"], 4);
  const std::string line = bench_line(BenchFormat::kMarkdown, sample_row(result), true);
  EXPECT_NE(line.find(" tg100 x4 |"), std::string::npos) << line;
}

TEST(BenchOutput, JsonLinesAreOneLineEach) {
  const std::string line = bench_line(BenchFormat::kJsonl, sample_row(), true);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_EQ(Json::parse(line), sample_row());
}

TEST(BenchOutput, CsvQuotesTextAndNamesColumnsOnce) {
  const std::string first = bench_line(BenchFormat::kCsv, sample_row(), true);
  EXPECT_TRUE(first.starts_with("build_commit,build_number,cpu_info"));
  EXPECT_NE(first.find("\"Some \"\"CPU\"\", it's fast\""), std::string::npos);
  const std::string second = bench_line(BenchFormat::kCsv, sample_row(), false);
  EXPECT_EQ(first.substr(first.find('\n') + 1), second);
}

TEST(BenchOutput, SqlCreatesTheTableOnceAndQuotes) {
  const std::string first = bench_line(BenchFormat::kSql, sample_row(), true);
  EXPECT_TRUE(first.starts_with("CREATE TABLE IF NOT EXISTS test (build_commit TEXT, "));
  EXPECT_NE(first.find("'Some \"CPU\", it''s fast'"), std::string::npos);
  EXPECT_TRUE(bench_line(BenchFormat::kSql, sample_row(), false).starts_with("INSERT INTO test ("));
}

TEST(BenchOutput, MarkdownShowsShareOrSaysThatTheProbeIsBroken) {
  const std::string line = bench_line(BenchFormat::kMarkdown, sample_row(), true);
  EXPECT_NE(line.find(" tg100 |"), std::string::npos) << line;
  EXPECT_NE(line.find("45.00 ± 7.07"), std::string::npos) << line;
  EXPECT_NE(line.find("72 % of 30.0 GB/s"), std::string::npos) << line;
  SpeedResult broken = sample_result();
  broken.limit_seconds = {4, 4};
  EXPECT_NE(bench_line(BenchFormat::kMarkdown, sample_row(broken), true).find("probe broken"),
            std::string::npos);
}

TEST(BenchOutput, KnowsItsFormats) {
  EXPECT_EQ(bench_format_from_name("jsonl"), BenchFormat::kJsonl);
  EXPECT_THROW(bench_format_from_name("xml"), Error);
}

}  // namespace
}  // namespace lathe
