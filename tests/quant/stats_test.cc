// Statistics against what the reference program printed, against hand-made cases, and against
// straightforward computations in double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <numbers>
#include <random>
#include <sstream>

#include "kernels/tiers.h"
#include "models/registry.h"
#include "quant/plan/plan.h"
#include "quant/stats/activation_stats.h"
#include "quant/stats/block_influence.h"
#include "quant/stats/weight_stats.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/session.h"
#include "tests/support/evaluator.h"
#include "tests/support/golden.h"
#include "tests/support/source_path.h"

namespace lathe {
namespace {

const std::string kShared = test::source_path("../shared/");
const std::string kModel = test::source_path("tests/data/tiny-llama-f16.gguf");

// ---- activations

ImatrixEntry entry_of(std::vector<float> sum2, float count) {
  return {sum2.size(), std::move(sum2), {count}};
}

TEST(ActivationStats, OfValuesKnownByHand) {
  Imatrix imatrix;
  imatrix.entries["blk.0.attn_q.weight"] = entry_of({2, 2, 4, 8}, 2);  // v = 1 1 2 4
  imatrix.entries["blk.1.attn_q.weight"] = entry_of({0, 0, 0, 6}, 3);  // v = 0 0 0 2
  const auto stats = activation_stats(imatrix);
  ASSERT_EQ(stats.size(), 2u);
  const ActivationStats& a = stats[0];  // the larger sum first
  EXPECT_EQ(a.layer, 0);
  EXPECT_EQ(a.tensor, "attn_q");
  EXPECT_DOUBLE_EQ(a.sum, 8.0);
  EXPECT_DOUBLE_EQ(a.min, 1.0);
  EXPECT_DOUBLE_EQ(a.max, 4.0);
  EXPECT_DOUBLE_EQ(a.mean, 2.0);
  EXPECT_DOUBLE_EQ(a.deviation, std::sqrt(1.5));
  EXPECT_DOUBLE_EQ(a.active, 1.0);
  EXPECT_DOUBLE_EQ(a.entropy, 1.75);  // of 1/8 1/8 1/4 1/2
  EXPECT_DOUBLE_EQ(a.normalized, 0.875);
  EXPECT_DOUBLE_EQ(a.zd, 0.25);
  EXPECT_EQ(a.cosine, 0.0);
  const ActivationStats& b = stats[1];
  EXPECT_DOUBLE_EQ(b.active, 0.25);
  EXPECT_DOUBLE_EQ(b.entropy, 0.0);
  EXPECT_DOUBLE_EQ(b.cosine, 8.0 / std::sqrt(4.0 + 4 + 16 + 64));
  const auto layers = layer_activation_stats(stats);
  ASSERT_EQ(layers.size(), 2u);
  EXPECT_DOUBLE_EQ(layers[1].cosine, b.cosine);
}

TEST(ActivationStats, TheThresholdCounts) {
  Imatrix imatrix;
  imatrix.entries["blk.0.ffn_up.weight"] = entry_of({5e-6f, 1.0f, 2e-5f, 1e-7f}, 1);
  EXPECT_DOUBLE_EQ(activation_stats(imatrix)[0].active, 0.5);
  EXPECT_DOUBLE_EQ(activation_stats(imatrix, 1e-6)[0].active, 0.75);
}

TEST(ActivationStats, ConstantAndUnseenWeights) {
  Imatrix imatrix;
  imatrix.entries["output.weight"] = entry_of({3, 3, 3, 3}, 1);
  imatrix.entries["blk.0.ffn_up.weight"] = entry_of({1, 1}, 0);
  const auto stats = activation_stats(imatrix);
  ASSERT_EQ(stats.size(), 1u) << "what never saw a token has no statistics";
  EXPECT_EQ(stats[0].layer, -1);
  EXPECT_EQ(stats[0].zd, 0.0);
  EXPECT_DOUBLE_EQ(stats[0].normalized, 1.0);
}

// Lines of the reference program's tables: cells between tabs, without blanks and signs.
std::vector<std::vector<std::string>> golden_rows(const std::string& path) {
  const std::vector<char> bytes = test::read_bytes(path);
  std::istringstream in(std::string(bytes.begin(), bytes.end()));
  std::vector<std::vector<std::string>> rows;
  for (std::string line; std::getline(in, line);) {
    std::vector<std::string> cells;
    std::istringstream cells_in(line);
    for (std::string cell; std::getline(cells_in, cell, '\t');) {
      std::erase_if(cell, [](char c) { return c == ' ' || c == '%'; });
      cells.push_back(cell);
    }
    if (cells.size() >= 4 && !cells[0].empty() && std::isdigit(cells[0][0])) rows.push_back(cells);
  }
  return rows;
}

// Equal to the digits that are printed, but for the last one.
void expect_printed(double value, const std::string& printed, const std::string& what) {
  const std::size_t dot = printed.find('.');
  const double unit = std::pow(10.0, -static_cast<double>(printed.size() - dot - 1));
  EXPECT_NEAR(value, std::stod(printed), 1.01 * unit) << what;
}

TEST(ActivationStats, EqualTheReferenceProgram) {
  const std::string folder = kShared + "golden/trained/tiny-llama/";
  if (!std::filesystem::exists(folder)) GTEST_SKIP() << "needs " << folder;
  const auto stats = activation_stats(read_imatrix(folder + "imatrix.gguf"));
  const auto layers = layer_activation_stats(stats);
  const auto rows = golden_rows(folder + "statistics.txt");
  ASSERT_EQ(rows.size(), stats.size() + layers.size());
  for (std::size_t i = 0; i < stats.size(); ++i) {
    const ActivationStats& s = stats[i];
    const auto& cells = rows[i];
    ASSERT_EQ(cells.size(), 13u);
    EXPECT_EQ(std::to_string(s.layer), cells[0]);
    EXPECT_EQ(s.tensor, cells[1]);
    const double values[] = {s.sum,       s.min,       s.max,
                             s.mean,      s.deviation, 100 * s.active,
                             double(s.n), s.entropy,   100 * s.normalized,
                             100 * s.zd,  s.cosine};
    for (std::size_t c = 0; c < std::size(values); ++c) {
      if (c == 6) {
        EXPECT_EQ(std::to_string(s.n), cells[8]);
        continue;
      }
      expect_printed(values[c], cells[2 + c], s.name + " column " + std::to_string(c));
    }
  }
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const auto& cells = rows[stats.size() + i];
    EXPECT_EQ(std::to_string(layers[i].layer), cells[0]);
    expect_printed(layers[i].sum, cells[1], "layer sum");
    expect_printed(100 * layers[i].zd, cells[2], "layer zd");
    expect_printed(layers[i].cosine, cells[3], "layer cosine");
  }
}

// ---- weights

TEST(WeightStats, EqualADirectComputation) {
  const GgufFile model = GgufFile::open(kModel);
  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  ThreadPool one({.n_threads = 1, .pin = false}), three({.n_threads = 3, .pin = false});
  const auto stats = weight_stats(model, kernels, one), again = weight_stats(model, kernels, three);
  ASSERT_EQ(stats.size(), 8u);
  for (int layer = 0; layer < 8; ++layer) {
    std::vector<float> weights;
    for (const TensorInfo& t : model.tensors()) {
      if (layer_of_tensor(t.name) != layer || !is_quantizable(t)) continue;
      std::vector<float> values(t.n_elements());
      kernels.decode[index_of(t.format)](model.data(t).data(), values.size(), values.data());
      weights.insert(weights.end(), values.begin(), values.end());
    }
    long double sum = 0, squares = 0;
    for (const float w : weights) sum += w;
    const long double mean = sum / static_cast<long double>(weights.size());
    for (const float w : weights) squares += (w - mean) * (w - mean);
    const long double deviation = std::sqrt(squares / static_cast<long double>(weights.size()));
    std::size_t above = 0;
    for (const float w : weights) above += (w - mean) / deviation > 1.0L ? 1 : 0;
    const WeightStats& s = stats[static_cast<std::size_t>(layer)];
    EXPECT_EQ(s.layer, layer);
    EXPECT_EQ(s.n, weights.size());
    EXPECT_NEAR(s.zd, static_cast<double>(above) / static_cast<double>(weights.size()), 1e-6);
    EXPECT_EQ(s.zd, again[static_cast<std::size_t>(layer)].zd);
    EXPECT_EQ(s.mean, again[static_cast<std::size_t>(layer)].mean);
  }
  EXPECT_THROW(weight_stats(model, kernels, one, [](double) { return false; }), Error);
}

// ---- blocks

// Keeps everything.
struct Capture : Observer {
  std::map<int, std::vector<std::vector<float>>> rows;  // by layer, in the order of tokens
  void on_matmul_input(TensorId, MatrixView<const float>) noexcept override {}
  void on_layer_input(int layer, MatrixView<const float> hidden) noexcept override {
    keep(layer, hidden);
  }
  void on_layer_output(int layer, MatrixView<const float> hidden) noexcept override {
    if (layer == 7) keep(8, hidden);
  }
  void keep(int layer, MatrixView<const float> hidden) {
    for (std::size_t r = 0; r < hidden.rows; ++r) {
      rows[layer].emplace_back(hidden.row(r), hidden.row(r) + hidden.cols);
    }
  }
};

double cosine(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return ab / std::sqrt(aa * bb);
}

TextChunks random_text(std::size_t n_ctx) {
  std::mt19937 random(5);
  std::vector<Token> tokens(3 * n_ctx);
  for (Token& t : tokens) t = static_cast<Token>(random() % 4000);
  return {tokens, n_ctx, 0, std::nullopt};
}

TEST(BlockInfluence, EqualsTheCosinesOfAllHiddenStates) {
  constexpr std::size_t kContext = 32;
  const GgufFile file = GgufFile::open(kModel);
  const std::unique_ptr<Model> model = load_model(file);
  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  ThreadPool pool({.n_threads = 2, .pin = false});
  const TextChunks text = random_text(kContext);

  Session session(*model, kernels, pool, {.n_ctx = kContext, .n_batch = kContext});
  Capture all;
  session.set_observer(&all);
  for (std::size_t c = 0; c < text.n_chunks(); ++c) {
    std::vector<BatchItem> items;
    for (const Token t : text.chunk(c)) {
      items.push_back({t, static_cast<std::int32_t>(items.size()), 1, false});
    }
    session.clear();
    ASSERT_TRUE(session.decode(items, MatmulPath::kPanel));
  }
  const test::Evaluator on({{*model}}, kernels, pool,
                           RunOptions{.n_cells = kContext, .n_batch = kContext});
  const auto result = measure_block_influence(on, text);
  EXPECT_EQ(result.n_tokens, 3 * kContext);
  EXPECT_EQ(result.n_chunks, 3u);
  ASSERT_EQ(result.influence.size(), 8u);
  for (int l = 0; l < 8; ++l) {
    double sum = 0;
    for (std::size_t t = 0; t < 3 * kContext; ++t)
      sum += cosine(all.rows[l][t], all.rows[l + 1][t]);
    const double mean = sum / (3.0 * kContext);
    EXPECT_NEAR(result.influence[static_cast<std::size_t>(l)], 1 - mean, 1e-9) << l;
    EXPECT_NEAR(result.lim[static_cast<std::size_t>(l)], -mean, 1e-9) << l;
  }
  ASSERT_EQ(result.angular.size(), 7u);
  for (int n = 1; n < 8; ++n) {
    ASSERT_EQ(result.angular[static_cast<std::size_t>(n - 1)].size(), 9u - n);
    for (int l = 0; l + n <= 8; ++l) {
      double sum = 0;
      for (std::size_t c = 0; c < 3; ++c) {
        const std::size_t last = (c + 1) * kContext - 1;
        sum += std::acos(cosine(all.rows[l][last], all.rows[l + n][last])) / std::numbers::pi;
      }
      EXPECT_NEAR(result.angular[static_cast<std::size_t>(n - 1)][static_cast<std::size_t>(l)],
                  sum / 3, 1e-7);
    }
  }
}

TEST(BlockInfluence, DoesNotDependOnBatchSizeThreadsOrOrder) {
  constexpr std::size_t kContext = 32;
  const GgufFile file = GgufFile::open(kModel);
  const std::unique_ptr<Model> model = load_model(file);
  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  const TextChunks text = random_text(kContext);
  std::vector<BlockInfluenceCollector::Result> results;
  struct Case {
    std::size_t n_batch;
    int n_threads;
    RunOrder order;
  };
  for (const Case& c : {Case{32, 1, RunOrder::kByText}, Case{7, 3, RunOrder::kByText},
                        Case{20, 2, RunOrder::kByLayer}}) {
    ThreadPool pool({.n_threads = c.n_threads, .pin = false});
    const test::Evaluator on(
        {{*model}}, kernels, pool,
        RunOptions{.n_cells = kContext, .n_batch = c.n_batch, .order = c.order});
    results.push_back(measure_block_influence(on, text));
  }
  for (const auto& result : results) {
    EXPECT_EQ(result.influence, results[0].influence);
    EXPECT_EQ(result.angular, results[0].angular);
  }
}

TEST(BlockInfluence, LowestScoresAreDroppedFirst) {
  EXPECT_THAT(drop_order({0.5, 0.1, 0.3, 0.1}), testing::ElementsAre(1, 3, 2, 0));
}

}  // namespace
}  // namespace lathe
