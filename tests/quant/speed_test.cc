// The speed benchmark on the packaged tiny model: what it counts against the file's own header, and
// what it reports.
#include "quant/eval/speed.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <string>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "quant/eval/model_work.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/source_path.h"

namespace lathe {
namespace {

class SpeedOfTinyModel : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(select_kernels("", &kernels_));
    model_ = load_model(file_);
  }

  SpeedResult run(const SpeedTest& test, SpeedOptions options) {
    return SpeedBench(*model_, kernels_, pool_, topology_, std::move(options)).run(test);
  }

  GgufFile file_ = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
  std::unique_ptr<Model> model_;
  KernelTable kernels_;
  ThreadPool pool_{{.n_threads = 2}};
  Topology topology_ = read_topology();
};

TEST_F(SpeedOfTinyModel, WorkFollowsFromTheHeader) {
  const ModelWork work = model_work(*model_, kernels_, Format::F16, Format::Q8_0);
  double bytes = 0, layer_macs = 0;
  for (const TensorInfo& tensor : file_.tensors()) {
    const bool in_layer = tensor.name.starts_with("blk.");
    if (in_layer && tensor.n_dims == 2) {
      layer_macs += static_cast<double>(tensor.dims[0]) * static_cast<double>(tensor.dims[1]);
    }
    if (tensor.name != "token_embd.weight") bytes += static_cast<double>(tensor.n_bytes);
  }
  const TensorInfo& embedding = file_.require("token_embd.weight");
  const TensorInfo* output = file_.find("output.weight");
  const double embedding_row = static_cast<double>(row_bytes(embedding.format, embedding.dims[0]));
  if (output == nullptr) bytes += static_cast<double>(embedding.n_bytes);
  EXPECT_DOUBLE_EQ(work.token_bytes, bytes + embedding_row);
  const std::size_t peak = index_of(Peak::kFma);
  EXPECT_DOUBLE_EQ(work.layer_macs[peak], layer_macs);  // an F16 model, and no int8 product in it
  EXPECT_EQ(work.layer_macs[index_of(Peak::kInt8)], 0);
  const ModelTraits& t = model_->traits();
  EXPECT_DOUBLE_EQ(work.head_macs[peak], static_cast<double>(t.n_vocab * t.n_embd));
  const std::size_t width = t.n_head_kv * t.head_dim;
  EXPECT_DOUBLE_EQ(work.cell_bytes, static_cast<double>(t.n_layer * (2 * width + width / 32 * 34)));
}

TEST_F(SpeedOfTinyModel, EveryKindOfTestHasItsLimit) {
  const struct {
    SpeedTest test;
    std::string name, limit;
  } cases[] = {{{.n_prompt = 20}, "pp20", "fma peak"},
               {{.n_gen = 5}, "tg5", "read bandwidth"},
               {{.n_prompt = 20, .n_gen = 5}, "pp20+tg5", "fma peak + read bandwidth"}};
  for (const auto& c : cases) {
    EXPECT_EQ(c.test.name(), c.name);
    int n_reported = 0;
    SpeedOptions options;
    options.n_ubatch = 8;  // the prompt goes in three pieces
    options.n_repetitions = 3;
    options.on_progress = [&](const SpeedTest&, int done) { EXPECT_EQ(done, ++n_reported); };
    const SpeedResult result = run(c.test, options);
    EXPECT_EQ(n_reported, 3);
    ASSERT_EQ(result.seconds.size(), 3u);
    ASSERT_EQ(result.limit_seconds.size(), 3u);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_GT(result.seconds[i], 0);
      EXPECT_GT(result.limit_seconds[i], 0);
      EXPECT_TRUE(std::isfinite(result.limit_seconds[i]));
    }
    EXPECT_EQ(result.limit, c.limit);
    EXPECT_EQ(result.gmac_per_s > 0, c.test.n_prompt > 0);
    EXPECT_EQ(result.gb_per_s > 0, c.test.n_gen > 0);
    const double n = static_cast<double>(c.test.n_prompt + c.test.n_gen);
    EXPECT_DOUBLE_EQ(result.tokens_per_second()[1], n / result.seconds[1]);
    EXPECT_GT(result.limit_tokens_per_second(), 0);
    if (const auto share = result.limit_share()) {
      EXPECT_GT(*share, 0);
      EXPECT_LE(*share, 1);
    }
  }
}

TEST_F(SpeedOfTinyModel, StopsWhenAsked) {
  bool stop = false;
  SpeedOptions options;
  options.n_repetitions = 1000000;
  options.should_stop = [&] { return stop; };
  options.on_progress = [&](const SpeedTest&, int done) { stop = done == 2; };
  EXPECT_EQ(run({.n_gen = 2}, options).seconds.size(), 2u);
  EXPECT_TRUE(run({.n_prompt = 4}, options).seconds.empty());
}

// What stands in the cache before is no part of the tokens, but of the bytes that they read.
TEST_F(SpeedOfTinyModel, DepthIsReadAndNotCounted) {
  SpeedOptions options;
  options.n_repetitions = 2;
  options.n_ubatch = 8;
  const SpeedResult deep = run({.n_prompt = 4, .n_gen = 3, .n_depth = 50}, options);
  ASSERT_EQ(deep.seconds.size(), 2u);
  EXPECT_EQ(deep.test.name(), "pp4+tg3 @ d50");
  EXPECT_DOUBLE_EQ(deep.tokens_per_second()[0], 7 / deep.seconds[0]);
}

// The tokens of a step share what it reads.
TEST_F(SpeedOfTinyModel, AStepReadsTheWeightsOnce) {
  const ModelWork work = model_work(*model_, kernels_, Format::F16, Format::F16);
  SpeedOptions options;
  options.n_repetitions = 1;
  const auto bytes = [&](const SpeedTest& test) {
    const SpeedResult result = run(test, options);
    EXPECT_DOUBLE_EQ(result.tokens_per_second()[0], 7 / result.seconds[0]);
    return result.limit_seconds[0] * result.gb_per_s * 1e9;
  };
  const SpeedTest by_three = {.n_gen = 7, .n_step = 3};
  EXPECT_EQ(by_three.name(), "tg7 x3");
  const double cells = 3 + 6 + 7;
  const double expected = 3 * work.token_bytes + cells * work.cell_bytes;
  EXPECT_NEAR(bytes(by_three) / expected, 1, 1e-9);
  EXPECT_NEAR(bytes({.n_gen = 7}) / (7 * work.token_bytes + 28 * work.cell_bytes), 1, 1e-9);
}

TEST_F(SpeedOfTinyModel, RefusesNothingToDo) {
  EXPECT_THROW(run({}, {}), Error);
  EXPECT_THROW(run({.n_gen = 4, .n_step = 0}, {}), Error);
}

TEST(Statistics, OfSamples) {
  EXPECT_DOUBLE_EQ(mean({1, 2, 6}), 3);
  EXPECT_DOUBLE_EQ(standard_deviation({2, 4, 4, 4, 5, 5, 7, 9}), std::sqrt(32.0 / 7));
  EXPECT_EQ(standard_deviation({3}), 0);
  EXPECT_EQ(mean({}), 0);
}

}  // namespace
}  // namespace lathe
