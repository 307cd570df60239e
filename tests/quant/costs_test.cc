// Costs of formats against the divergence that is measured.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "models/registry.h"
#include "quant/codecs/codec.h"
#include "quant/costs/measure_costs.h"
#include "quant/eval/divergence.h"
#include "quant/plan/plan.h"
#include "runtime/base/error.h"
#include "tests/support/engine_run.h"
#include "tests/support/source_path.h"
#include "tests/support/tiny_model.h"

namespace lathe {
namespace {

using test::kernels_of;
using test::supported_tiers;

TextChunks some_text(std::size_t n_chunks, std::size_t n_ctx, std::size_t n_vocab) {
  const std::vector<int> tokens = test::some_tokens(n_chunks * n_ctx, n_vocab, 11);
  return {std::vector<Token>(tokens.begin(), tokens.end()), n_ctx, 0, std::nullopt};
}

// One tensor encoded in a format, with the importance given (may be null).
std::vector<std::uint8_t> encoded(const GgufFile& file, const TensorInfo& tensor, Format format,
                                  const KernelTable& kernels) {
  std::vector<float> values(tensor.n_elements());
  kernels.decode[index_of(tensor.format)](file.data(tensor).data(), values.size(), values.data());
  std::vector<std::uint8_t> blocks(row_bytes(format, tensor.cols()) * tensor.rows());
  encode_rows(*find_codec(format), {values.data(), tensor.rows(), tensor.cols()}, nullptr,
              blocks.data());
  return blocks;
}

double mean_kld(const GgufFile& file, const TensorInfo& tensor, Format format,
                const TextChunks& text, const KernelTable& kernels, ThreadPool& pool) {
  const auto model = load_model(file);
  const std::vector<std::uint8_t> blocks = encoded(file, tensor, format, kernels);
  WeightSet overlay = model->weights();
  overlay.set(*parse_tensor_name(tensor.name),
              {format, tensor.rows(), tensor.cols(), blocks.data()});
  RunOptions options;
  options.n_cells = text.n_ctx();
  options.max_logits = 32;
  const auto runner =
      make_forward_runner({{*model, file.files()}, {*model, file.files(), {}, "with", &overlay}},
                          kernels, pool, options);
  ChunkRecords records;
  measure_divergence({*runner, kernels, pool}, text, records);
  DivergenceMeter meter;
  for (const auto& record : records) add_chunk(record, 0, 1, meter);
  return meter.summary(false).kld.value;
}

TEST(Costs, SameForAnyNumberOfThreads) {
  test::TinyModel m;
  m.format = Format::F16;
  const GgufFile file = test::tiny_model(m);
  const auto model = load_model(file);
  const KernelTable kernels = kernels_of(supported_tiers().back());
  const TextChunks text = some_text(2, 32, m.n_vocab);
  const auto measure = [&](int n_threads) {
    ThreadPool pool(ThreadPoolOptions{n_threads, false, 50});
    return measure_costs(file, {*model, file.files()}, text,
                         {.formats = {Format::Q8_0, Format::Q4_0}, .n_rows = 8}, kernels, pool, {});
  };
  const auto one = measure(1), three = measure(3);
  ASSERT_EQ(one.size(), three.size());
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].weights, three[i].weights) << one[i].name;
    EXPECT_EQ(one[i].activations, three[i].activations) << one[i].name;
    EXPECT_EQ(one[i].total(Format::F16, true), 0.0);
    EXPECT_GT(*one[i].total(Format::Q4_0, false), *one[i].total(Format::Q8_0, false));
  }
}

// Drawn rows stand for all of them.
TEST(Costs, OfAFewRowsAreThoseOfAll) {
  test::TinyModel m;
  m.format = Format::F16;
  m.n_vocab = 300;
  const GgufFile file = test::tiny_model(m);
  const auto model = load_model(file);
  const KernelTable kernels = kernels_of(supported_tiers().back());
  ThreadPool pool(ThreadPoolOptions{2, false, 50});
  const TextChunks text = some_text(2, 64, m.n_vocab);
  const auto measure = [&](std::size_t n_rows) {
    return measure_costs(file, {*model, file.files()}, text,
                         {.formats = {Format::Q4_0}, .n_rows = n_rows}, kernels, pool, {});
  };
  const auto few = measure(32), all = measure(0);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const double ratio = *few[i].total(Format::Q4_0, false) / *all[i].total(Format::Q4_0, false);
    EXPECT_NEAR(ratio, 1.0, 0.25) << all[i].name;
  }
}

// What is left of an error by calibrated rounding: of matrices in layers and a head of its own, in
// formats that have it. Beside that, all but the head and the last layer leave the more to those
// behind them the earlier they are.
TEST(Costs, OfCalibratedRoundingAreLower) {
  test::TinyModel m;
  m.format = Format::F16;
  const GgufFile file = test::tiny_model(m);
  const auto model = load_model(file);
  const KernelTable kernels = kernels_of(supported_tiers().back());
  ThreadPool pool(ThreadPoolOptions{2, false, 50});
  const TextChunks text = some_text(2, 64, m.n_vocab);
  const auto measure = [&](bool calibrated) {
    return measure_costs(file, {*model, file.files()}, text,
                         {.formats = {Format::Q4_0, Format::F16}, .calibrated = calibrated},
                         kernels, pool, {});
  };
  const auto plain = measure(false), calibrated = measure(true);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const double ratio =
        *calibrated[i].total(Format::Q4_0, false) / *plain[i].total(Format::Q4_0, false);
    const std::string& name = plain[i].name;
    // Inputs of a width that no block of 32 divides have no second moment to be rounded under.
    if (name != "token_embd.weight" && plain[i].source.cols() % 32 == 0) {
      EXPECT_LT(ratio, 0.95) << name;
      EXPECT_GT(ratio, 0.05) << name;
    } else if (name.starts_with("blk.1.")) {
      EXPECT_EQ(ratio, 1.0) << name << ", which is in the last layer";
    } else {
      EXPECT_NEAR(ratio, name.starts_with("blk.0.") ? std::sqrt(0.66) : 0.66, 1e-9) << name;
    }
    EXPECT_EQ(calibrated[i].activations, plain[i].activations);
  }
}

TEST(Costs, GradientsOfAnotherModelAreRefused) {
  const GgufFile file = test::tiny_model({}), other = test::tiny_model({.n_ff = 128});
  const auto model = load_model(other);
  const KernelTable kernels = kernels_of("scalar");
  ThreadPool pool(ThreadPoolOptions{1, false, 50});
  EXPECT_THROW(
      measure_costs(file, {*model, other.files()}, some_text(2, 16, 200), {}, kernels, pool, {}),
      Error);
}

// The correlation of logarithms with the divergence of single tensors, on trained models.
TEST(LongCosts, PredictTheDivergenceOfSingleTensors) {
  for (const char* name : {"tests/data/tiny-llama-f16.gguf", "tests/data/tiny-olmo2-f16.gguf"}) {
    SCOPED_TRACE(name);
    const GgufFile file = GgufFile::open(test::source_path(name));
    const auto model = load_model(file);
    const KernelTable kernels = kernels_of(supported_tiers().back());
    ThreadPool pool(ThreadPoolOptions{2, false, 50});
    const TextChunks text = some_text(4, 128, model->traits().n_vocab);
    const Format formats[] = {Format::Q8_0, Format::Q5_0, Format::Q4_0};
    const auto costs = measure_costs(
        file, {*model, file.files()}, text,
        {.formats = {formats[0], formats[1], formats[2]}, .importance = false}, kernels, pool, {});
    std::vector<double> predicted, measured;
    for (const char* tensor :
         {"token_embd.weight", "blk.0.attn_v.weight", "blk.1.ffn_down.weight",
          "blk.3.attn_q.weight", "blk.4.attn_output.weight", "blk.5.ffn_up.weight"}) {
      const auto of = std::find_if(costs.begin(), costs.end(),
                                   [&](const TensorCosts& t) { return t.name == tensor; });
      ASSERT_NE(of, costs.end());
      for (const Format format : formats) {
        predicted.push_back(std::log(*of->total(format, true)));
        measured.push_back(
            std::log(mean_kld(file, file.require(tensor), format, text, kernels, pool)));
      }
    }
    double mx = 0, my = 0, xx = 0, yy = 0, xy = 0, bias = 0;
    const auto n = static_cast<double>(predicted.size());
    for (std::size_t i = 0; i < predicted.size(); ++i) {
      mx += predicted[i] / n;
      my += measured[i] / n;
      bias += (measured[i] - predicted[i]) / n;
    }
    for (std::size_t i = 0; i < predicted.size(); ++i) {
      xx += (predicted[i] - mx) * (predicted[i] - mx);
      yy += (measured[i] - my) * (measured[i] - my);
      xy += (predicted[i] - mx) * (measured[i] - my);
    }
    EXPECT_GT(xy / std::sqrt(xx * yy), 0.95);
    EXPECT_NEAR(std::exp(bias), 1.0, 0.3);
    RecordProperty(std::string("correlation of ") + name, std::to_string(xy / std::sqrt(xx * yy)));
  }
}

}  // namespace
}  // namespace lathe
