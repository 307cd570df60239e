// Backward passes against central differences of the double-precision oracle.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>

#include "runtime/algebra/dense_matrix.h"
#include "runtime/gradient/gradient_pass.h"
#include "runtime/gradient/probe.h"
#include "tests/support/engine_run.h"
#include "tests/support/model_variants.h"
#include "tests/support/oracle_model.h"

namespace lathe::test {
namespace {

using Matrix = DenseMatrix<float>;

// The gradient of each weight, from the factors that an observer sees.
class WeightGradients : public GradientObserver {
 public:
  explicit WeightGradients(const Model& model) : model_(model) {}

  void on_input(TensorId, MatrixView<const float>, MatrixView<const float>) override {}
  void on_outputs(TensorId id, std::size_t first_row, MatrixView<const float> x,
                  MatrixView<const float> g) override {
    std::vector<double>& d = of(id);
    for (std::size_t t = 0; t < g.rows; ++t) {
      for (std::size_t i = 0; i < g.cols; ++i) {
        for (std::size_t j = 0; j < x.cols; ++j) {
          d[(first_row + i) * x.cols + j] += double{g.row(t)[i]} * x.row(t)[j];
        }
      }
    }
  }
  void on_values(TensorId, std::size_t, const OuterSums&) override {}
  void on_lookup(TensorId id, Batch items, MatrixView<const float> g) override {
    std::vector<double>& d = of(id);
    for (std::size_t t = 0; t < items.size(); ++t) {
      for (std::size_t j = 0; j < g.cols; ++j) {
        d[static_cast<std::size_t>(items[t].token) * g.cols + j] += g.row(t)[j];
      }
    }
  }

  std::map<std::string, std::vector<double>> by_tensor;

 private:
  std::vector<double>& of(TensorId id) {
    std::vector<double>& d = by_tensor[tensor_name(id)];
    const WeightView& w = model_.weights().get(id.role, id.layer);
    d.resize(w.rows * w.cols);
    return d;
  }

  const Model& model_;
};

// L = sum over rows and texts of <v, logits>, v random and fixed.
struct LinearLoss {
  LinearLoss(const GgufFile& f, std::size_t n_vocab) : file(f) {
    unsigned seed = 3;
    for (const std::size_t n : {4, 9}) {
      tokens.push_back(some_tokens(n, n_vocab, seed++));
      items.push_back(items_of(tokens.back()));
    }
    std::mt19937 random(5);
    std::normal_distribution<float> normal;
    for (const auto& text : tokens) {
      for (std::size_t t = 0; t < text.size(); ++t) {
        std::vector<float> row(n_vocab);
        for (float& value : row) value = normal(random);
        v.push_back(row);
      }
    }
  }

  double at(const OracleModel& oracle) const {
    double sum = 0.0;
    std::size_t row = 0;
    for (const auto& text : tokens) {
      const auto logits = oracle.logits(text);
      for (std::size_t t = 0; t < logits.size(); ++t, ++row) {
        if (t < kFirstRow) continue;
        for (std::size_t k = 0; k < logits[t].size(); ++k) sum += v[row][k] * logits[t][k];
      }
    }
    return sum;
  }

  void gradients(int n_threads, WeightGradients& observer, const Model& model) const {
    const KernelTable kernels = kernels_of(supported_tiers().back());
    ThreadPool pool(ThreadPoolOptions{n_threads, false, 50});
    std::vector<Batch> texts(items.begin(), items.end());
    const GradientCallbacks callbacks{
        .logits = [&](std::size_t text, std::size_t first, MatrixView<float> logits) {
          for (std::size_t r = 0; r < logits.rows; ++r) {
            const auto& from = v[(text == 0 ? 0 : tokens[0].size()) + first + r];
            std::copy(from.begin(), from.end(), logits.row(r));
          }
        }};
    run_gradient_pass({model, {}, kernels, pool, texts}, {.first_row = kFirstRow}, callbacks,
                      observer);
  }

  static constexpr std::size_t kFirstRow = 2;
  const GgufFile& file;
  std::vector<std::vector<int>> tokens;
  std::vector<std::vector<BatchItem>> items;
  std::vector<std::vector<float>> v;
};

// The derivative along a random direction of each tensor, as a share of the gradient's length: what
// float32 leaves is some 1e-6, and some 1e-5 where scores are large.
void expect_central_differences(const GgufFile& file, std::size_t n_vocab) {
  const LinearLoss loss(file, n_vocab);
  const auto model = load_model(file);
  WeightGradients gradients(*model);
  loss.gradients(2, gradients, *model);
  OracleModel oracle(file);
  std::mt19937 random(9);
  for (const auto& [name, d] : gradients.by_tensor) {
    std::vector<double>& w = oracle.weights(name);
    ASSERT_EQ(w.size(), d.size()) << name;
    const std::vector<double> before = w;
    std::vector<double> direction(w.size());
    const bool values_apart = name.find("attn_qkv") != std::string::npos;
    for (double& s : direction) s = (random() & 1) != 0 ? 1.0 : -1.0;
    double along = 0.0, squares = 0.0;
    for (std::size_t i = 0; i < d.size(); ++i) {
      if (values_apart && d[i] == 0.0) direction[i] = 0.0;  // rows that on_values() tells of
      along += direction[i] * d[i];
      squares += d[i] * d[i];
    }
    ASSERT_GT(squares, 0.0) << name;
    constexpr double kStep = 1e-5;
    const auto loss_at = [&](double step) {
      for (std::size_t i = 0; i < w.size(); ++i) w[i] = before[i] + step * direction[i];
      return loss.at(oracle);
    };
    const double expected = (loss_at(kStep) - loss_at(-kStep)) / (2 * kStep);
    w = before;
    EXPECT_LT(std::abs(along - expected), 1e-4 * std::sqrt(squares)) << name;
  }
}

TEST(Gradient, IsThatOfCentralDifferences) {
  for (ModelVariant v : model_variants()) {
    SCOPED_TRACE(v.name);
    v.model.n_vocab = 60;
    v.model.n_ff = 32;
    const GgufFile file = tiny_model(v.model);
    expect_central_differences(file, v.model.n_vocab);
  }
}

TEST(Gradient, OfQuantizedWeights) {
  for (const Format format : {Format::F16, Format::Q8_0, Format::Q4_K}) {
    SCOPED_TRACE(format_name(format));
    TinyModel m;
    m.format = format;
    m.n_layer = m.n_head = m.n_head_kv = 1;
    m.n_embd = m.n_ff = m.head_dim = 256;
    m.n_vocab = 60;
    const GgufFile file = tiny_model(m);
    expect_central_differences(file, m.n_vocab);
  }
}

TEST(Gradient, SameBitsForAnyNumberOfThreads) {
  const TinyModel m;
  const GgufFile file = tiny_model(m);
  const LinearLoss loss(file, m.n_vocab);
  const auto model = load_model(file);
  WeightGradients one(*model), three(*model);
  loss.gradients(1, one, *model);
  loss.gradients(3, three, *model);
  EXPECT_EQ(one.by_tensor, three.by_tensor);
}

Matrix random_matrix(std::size_t rows, std::size_t cols, std::mt19937& random) {
  std::normal_distribution<float> normal;
  Matrix m(rows, cols);
  for (std::size_t i = 0; i < rows * cols; ++i) m.view().data[i] = normal(random);
  return m;
}

// The terms of the value projection, by their definition: plain loops in double.
TEST(Gradient, ValuesAsAttentionSeesThem) {
  constexpr std::size_t kHeads = 4, kHeadsKv = 2, kDim = 6, kWidth = 10, kWindow = 4;
  const TextRows texts[] = {{0, 3}, {3, 8}};
  std::mt19937 random(2);
  const Matrix q = random_matrix(11, kHeads * kDim, random);
  const Matrix k = random_matrix(11, kHeadsKv * kDim, random);
  const Matrix v = random_matrix(11, kHeadsKv * kDim, random);
  const Matrix dout = random_matrix(11, kHeads * kDim, random);
  const Matrix x = random_matrix(11, kWidth, random);
  Matrix dq(11, kHeads * kDim), dk(11, kHeadsKv * kDim), dv(11, kHeadsKv * kDim);
  ThreadPool pool(ThreadPoolOptions{2, false, 50});
  const auto got = attend_dense_back(
      pool, {{kHeads, kHeadsKv, kDim}, texts, kWindow, q.view(), k.view(), v.view()}, dout.view(),
      x.view(), {dq.view(), dk.view(), dv.view()});
  ASSERT_EQ(got.size(), kHeadsKv);
  for (std::size_t g = 0; g < kHeadsKv; ++g) {
    OuterSums expected(kDim, kWidth);
    for (const TextRows& text : texts) {
      for (std::size_t a = g * 2; a < g * 2 + 2; ++a) {
        for (std::size_t t = 0; t < text.n; ++t) {
          std::vector<double> weight(text.n, 0.0), mixed(kWidth, 0.0);
          double sum = 0.0;
          for (std::size_t u = t < kWindow ? 0 : t + 1 - kWindow; u <= t; ++u) {
            double s = 0.0;
            for (std::size_t i = 0; i < kDim; ++i) {
              s += double{q.view().row(text.first + t)[a * kDim + i]} *
                   k.view().row(text.first + u)[g * kDim + i];
            }
            sum += weight[u] = std::exp(s);
          }
          double g2 = 0.0, x2 = 0.0;
          for (std::size_t j = 0; j < kWidth; ++j) {
            for (std::size_t u = 0; u <= t; ++u) {
              mixed[j] += weight[u] / sum * x.view().row(text.first + u)[j];
            }
            x2 += mixed[j] * mixed[j];
          }
          const float* d = dout.view().row(text.first + t) + a * kDim;
          for (std::size_t i = 0; i < kDim; ++i) g2 += double{d[i]} * d[i];
          for (std::size_t i = 0; i < kDim; ++i) expected.rows[i] += double{d[i]} * d[i] * x2;
          for (std::size_t j = 0; j < kWidth; ++j) expected.cols[j] += mixed[j] * mixed[j] * g2;
          expected.total += g2 * x2;
        }
      }
    }
    for (std::size_t i = 0; i < kDim; ++i) {
      EXPECT_NEAR(got[g].rows[i], expected.rows[i], 1e-5 * expected.total);
    }
    for (std::size_t j = 0; j < kWidth; ++j) {
      EXPECT_NEAR(got[g].cols[j], expected.cols[j], 1e-5 * expected.total);
    }
    EXPECT_NEAR(got[g].total, expected.total, 1e-5 * expected.total);
  }
}

// E[v v^T] = diag(p) - p p^T over many seeds; entries are means of 40,000 draws, so 0.005 is five
// of their standard errors.
TEST(Gradient, ProbeHasTheCovarianceOfTheDivergence) {
  const float logits[] = {0.3f, -1.0f, 1.2f, 0.0f};
  constexpr std::size_t kDraws = 40000;
  double p[4], sum = 0.0, covariance[4][4] = {};
  for (int k = 0; k < 4; ++k) sum += p[k] = std::exp(double{logits[k]});
  for (double& value : p) value /= sum;
  Matrix rows(kDraws, 4);
  for (std::size_t r = 0; r < kDraws; ++r) std::copy_n(logits, 4, rows.view().row(r));
  ThreadPool pool(ThreadPoolOptions{2, false, 50});
  probe_rows(pool, 1, 0, rows.view());
  for (std::size_t r = 0; r < kDraws; ++r) {
    for (int a = 0; a < 4; ++a) {
      for (int b = 0; b < 4; ++b) {
        covariance[a][b] += double{rows.view().row(r)[a]} * rows.view().row(r)[b] / kDraws;
      }
    }
  }
  for (int a = 0; a < 4; ++a) {
    for (int b = 0; b < 4; ++b) {
      EXPECT_NEAR(covariance[a][b], (a == b ? p[a] : 0.0) - p[a] * p[b], 0.005) << a << " " << b;
    }
  }
}

}  // namespace
}  // namespace lathe::test
