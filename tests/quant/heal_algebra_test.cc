// The fits that healing is made of, against straightforward computations in double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "quant/heal/elimination.h"
#include "quant/heal/input_fit.h"
#include "quant/heal/layer_blocks.h"
#include "quant/heal/layer_choice.h"
#include "quant/heal/least_squares.h"
#include "quant/heal/output_fit.h"
#include "runtime/algebra/cholesky.h"
#include "runtime/algebra/products.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

using Table = std::vector<std::vector<double>>;

template <class T>
DenseMatrix<T> random_matrix(std::size_t rows, std::size_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  DenseMatrix<T> out(rows, cols);
  for (std::size_t i = 0; i < rows * cols; ++i) out.data()[i] = static_cast<T>(normal(random));
  return out;
}

// Solves a x = b for symmetric a by Gaussian elimination with pivots; b: columns.
Table solve(Table a, Table b) {
  const std::size_t n = a.size();
  for (std::size_t k = 0; k < n; ++k) {
    std::size_t pivot = k;
    for (std::size_t i = k; i < n; ++i) {
      if (std::abs(a[i][k]) > std::abs(a[pivot][k])) pivot = i;
    }
    std::swap(a[k], a[pivot]);
    std::swap(b[k], b[pivot]);
    for (std::size_t i = 0; i < n; ++i) {
      if (i == k) continue;
      const double f = a[i][k] / a[k][k];
      for (std::size_t j = 0; j < n; ++j) a[i][j] -= f * a[k][j];
      for (double& v : b[i]) v -= f * b[k][static_cast<std::size_t>(&v - b[i].data())];
    }
  }
  for (std::size_t k = 0; k < n; ++k) {
    for (double& v : b[k]) v /= a[k][k];
  }
  return b;
}

TEST(FittedWeights, AreThoseOfRidgeRegressionInDouble) {
  constexpr std::size_t kTokens = 300, kIn = 40, kOut = 7;
  const auto f = random_matrix<float>(kTokens, kIn, 1), y = random_matrix<float>(kTokens, kOut, 2);
  const auto prior = random_matrix<float>(kOut, kIn, 3);
  ThreadPool pool({.n_threads = 2, .pin = false});
  FitSums sums(kOut, kIn);
  sums.add(pool, y.cview().slice(0, 100), f.cview().slice(0, 100));
  sums.add(pool, y.cview().slice(100, 200), f.cview().slice(100, 200));
  sums.finish(pool);
  const auto fit = fitted_weights(pool, sums, prior.cview(), 0.05);

  Table a(kIn, std::vector<double>(kIn)), b(kIn, std::vector<double>(kOut));
  double trace = 0.0;
  for (std::size_t t = 0; t < kTokens; ++t) {
    for (std::size_t i = 0; i < kIn; ++i) {
      for (std::size_t j = 0; j < kIn; ++j) a[i][j] += double{f.row(t)[i]} * f.row(t)[j];
      for (std::size_t o = 0; o < kOut; ++o) b[i][o] += double{f.row(t)[i]} * y.row(t)[o];
    }
  }
  for (std::size_t i = 0; i < kIn; ++i) trace += a[i][i];
  const double ridge = 0.05 * trace / kIn;
  for (std::size_t i = 0; i < kIn; ++i) {
    a[i][i] += ridge;  // min sum |y - W f|^2 + ridge |W - prior|^2
    for (std::size_t o = 0; o < kOut; ++o) b[i][o] += ridge * prior.row(o)[i];
  }
  const Table expected = solve(a, b);
  for (std::size_t o = 0; o < kOut; ++o) {
    for (std::size_t i = 0; i < kIn; ++i) {
      EXPECT_NEAR(fit.row(o)[i], expected[i][o], 1e-5) << o << ' ' << i;
    }
  }
}

// ---- elimination

struct Problem {
  DenseMatrix<double> gram, cross;  // [n, n], [n_out, n]
};

Problem some_problem(std::size_t n, std::size_t n_out, unsigned seed) {
  ThreadPool pool({.n_threads = 1, .pin = false});
  const auto f = random_matrix<double>(4 * n, n, seed), y = random_matrix<double>(4 * n, n_out, 9);
  Problem out{DenseMatrix<double>(n, n), DenseMatrix<double>(n_out, n)};
  multiply_tn(pool, f.cview(), f.cview(), out.gram.view());
  multiply_tn(pool, y.cview(), f.cview(), out.cross.view());
  return out;
}

// The fit with some columns alone, and what it explains of sum |y|^2: tr(C A^-1 C^T).
Table fit_with(const Problem& p, const std::vector<std::size_t>& columns, double* explained) {
  Table a(columns.size()), b(columns.size());
  for (std::size_t i = 0; i < columns.size(); ++i) {
    for (const std::size_t j : columns) a[i].push_back(p.gram.row(columns[i])[j]);
    for (std::size_t o = 0; o < p.cross.rows(); ++o) b[i].push_back(p.cross.row(o)[columns[i]]);
  }
  const Table w = solve(a, b);
  *explained = 0.0;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    for (std::size_t o = 0; o < p.cross.rows(); ++o) *explained += w[i][o] * b[i][o];
  }
  return w;
}

std::vector<std::size_t> columns_of(const std::vector<std::size_t>& groups, std::size_t size) {
  std::vector<std::size_t> out;
  for (const std::size_t g : groups) {
    for (std::size_t c = 0; c < size; ++c) out.push_back(g * size + c);
  }
  return out;
}

// Leaves out each group in turn and fits afresh.
std::vector<std::size_t> brute_force(const Problem& p, std::size_t size, std::size_t n_keep) {
  std::vector<std::size_t> kept;
  for (std::size_t g = 0; g < p.gram.rows() / size; ++g) kept.push_back(g);
  while (kept.size() > n_keep) {
    std::size_t out = 0;
    double best = -std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < kept.size(); ++i) {
      std::vector<std::size_t> rest = kept;
      rest.erase(rest.begin() + static_cast<std::ptrdiff_t>(i));
      double explained = 0.0;
      fit_with(p, columns_of(rest, size), &explained);
      if (explained > best) {
        best = explained;
        out = i;
      }
    }
    kept.erase(kept.begin() + static_cast<std::ptrdiff_t>(out));
  }
  return kept;
}

class EliminationOf : public testing::TestWithParam<std::size_t> {};

TEST_P(EliminationOf, GroupsIsThatOfFreshFits) {
  const std::size_t size = GetParam(), n_groups = 12, n_keep = 5, n_out = 6;
  const std::size_t n = n_groups * size;
  const Problem p = some_problem(n, n_out, 5);
  for (const int n_threads : {1, 3}) {
    ThreadPool pool({.n_threads = n_threads, .pin = false});
    DenseMatrix<double> inverse(n, n), weights(n_out, n), factor(n, n);
    std::copy_n(p.gram.data(), n * n, factor.data());
    ASSERT_TRUE(factor_cholesky(pool, factor.view()));
    for (std::size_t i = 0; i < n; ++i) inverse.row(i)[i] = 1.0;
    solve_cholesky(pool, factor.cview(), inverse.view());
    multiply(pool, p.cross.cview(), inverse.cview(), weights.view());

    const auto kept = eliminate_groups(pool, weights.view(), inverse.view(), size, n_keep);
    EXPECT_EQ(kept, brute_force(p, size, n_keep));
    const auto columns = columns_of(kept, size);
    double explained = 0.0;
    const Table fresh = fit_with(p, columns, &explained);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      for (std::size_t o = 0; o < n_out; ++o) {
        EXPECT_NEAR(weights.row(o)[columns[i]], fresh[i][o], 1e-9);
      }
    }
    Table a(columns.size()), unit(columns.size(), std::vector<double>(columns.size()));
    for (std::size_t i = 0; i < columns.size(); ++i) {
      for (const std::size_t j : columns) a[i].push_back(p.gram.row(columns[i])[j]);
      unit[i][i] = 1.0;
    }
    const Table fresh_inverse = solve(a, unit);
    for (std::size_t i = 0; i < columns.size(); ++i) {
      for (std::size_t j = 0; j < columns.size(); ++j) {
        EXPECT_NEAR(inverse.row(columns[i])[columns[j]], fresh_inverse[i][j], 1e-9);
      }
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Sizes, EliminationOf, testing::Values(1, 3));

// ---- what adds to the residual stream

void fill(HiddenStore& store, const DenseMatrix<float>& from) {
  std::copy_n(from.data(), from.rows() * from.cols(), store.rows(0, 1).data);
}

TEST(FitOutput, FindsTheMatrixBehindANorm) {
  constexpr std::size_t kIn = 12, kOut = 10;
  const CalibrationRows rows{.n_texts = 8, .text_rows = 150};
  const std::size_t n = rows.n_rows();
  HiddenStore features(n, kIn, ""), before(n, kOut, ""), target(n, kOut, "");
  fill(features, random_matrix<float>(n, kIn, 1));
  fill(before, random_matrix<float>(n, kOut, 2));
  OutputWeights truth{random_matrix<float>(kOut, kIn, 3), {}};
  for (std::size_t i = 0; i < kOut; ++i) truth.gain.push_back(0.2f + 0.1f * static_cast<float>(i));
  for (std::size_t t = 0; t < n; ++t) {
    std::vector<double> y(kOut);
    double square = 0.0;
    for (std::size_t o = 0; o < kOut; ++o) {
      for (std::size_t i = 0; i < kIn; ++i) {
        y[o] += double{truth.matrix.row(o)[i]} * features.rows(t, 1).data[i];
      }
      square += y[o] * y[o];
    }
    for (std::size_t o = 0; o < kOut; ++o) {
      const double normed = y[o] / std::sqrt(square / kOut + 1e-6);
      target.rows(t, 1).data[o] =
          before.rows(t, 1).data[o] + static_cast<float>(truth.gain[o] * normed);
    }
  }
  ThreadPool pool({.n_threads = 2, .pin = false});
  const OutputTask task{rows, features, before, target, {}, true, 1e-6};
  EXPECT_LT(output_error(pool, task, truth, RowPart::kHeldOut).relative(), 1e-5);
  OutputWeights start{random_matrix<float>(kOut, kIn, 4), truth.gain};
  for (float& g : start.gain) g *= 1.3f;
  for (std::size_t i = 0; i < kOut * kIn; ++i) {
    start.matrix.data()[i] = truth.matrix.data()[i] + 0.4f * start.matrix.data()[i];
  }
  const double at_first = output_error(pool, task, start, RowPart::kHeldOut).relative();
  const OutputWeights fit = fit_output(pool, task, start, 1e-6, 6);
  const double in_the_end = output_error(pool, task, fit, RowPart::kHeldOut).relative();
  EXPECT_GT(at_first, 0.3);
  EXPECT_LT(in_the_end, 0.05);
}

// ---- layers

TEST(LayerBlocks, EachRemainingLayerStandsForThoseBehindIt) {
  using Blocks = std::vector<LayerBlock>;
  EXPECT_EQ(layer_blocks(3, {}), (Blocks{{0, 0, 1}, {1, 1, 2}, {2, 2, 3}}));
  EXPECT_EQ(layer_blocks(5, std::vector{2, 3}), (Blocks{{0, 0, 1}, {1, 1, 4}, {4, 4, 5}}));
  EXPECT_EQ(layer_blocks(4, std::vector{0, 1}), (Blocks{{2, 0, 3}, {3, 3, 4}}));
  EXPECT_EQ(layer_blocks(4, std::vector{3}), (Blocks{{0, 0, 1}, {1, 1, 2}, {2, 2, 4}}));
  EXPECT_EQ(layer_blocks(5, std::vector{0, 2, 4}), (Blocks{{1, 0, 3}, {3, 3, 5}}));
}

// Divergence that depends on how well layers are chosen together.
std::vector<LayerTrial> cost_of(std::span<const std::vector<int>> sets) {
  std::vector<LayerTrial> out;
  for (const auto& set : sets) {
    double kld = 0.0;
    for (const int layer : set) kld += 1.0 + std::abs(layer - 3);
    if (set == std::vector{0, 7}) kld = 0.5;  // each alone is dear, both together are not
    out.push_back({set, {kld, 0.0}, {}});
  }
  return out;
}

TEST(ChooseLayers, TriesAllSetsOfAFew) {
  EXPECT_EQ(choose_layers(8, 1, cost_of).chosen.layers, std::vector{3});
  const LayerChoice two = choose_layers(8, 2, cost_of);
  EXPECT_TRUE(two.exhaustive);
  EXPECT_EQ(two.singles.size(), 8u);
  EXPECT_EQ(two.sets.size(), 28u);
  EXPECT_EQ(two.chosen.layers, (std::vector{0, 7}));
}

TEST(ChooseLayers, AddsThemOneByOneWhereThereAreMany) {
  const LayerChoice three = choose_layers(20, 3, cost_of);
  EXPECT_FALSE(three.exhaustive);
  EXPECT_EQ(three.chosen.layers, (std::vector{2, 3, 4}));
  EXPECT_EQ(three.sets.size(), 19u + 18u);
}

TEST(ChooseLayers, RefusesWhatTheModelHasNot) {
  for (const int n : {0, 8, 9}) EXPECT_THROW(choose_layers(8, n, cost_of), Error);
}

}  // namespace
}  // namespace lathe
