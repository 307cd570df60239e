// What tests of calibrated rounding round, and what it costs, in double.
#pragma once

#include <cmath>
#include <random>
#include <vector>

#include "kernels/tiers.h"
#include "quant/calibrate/rounding/rounding.h"
#include "quant/codecs/codec.h"

namespace lathe::test {

inline const KernelTable& scalar_kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    select_kernels("scalar", &t);
    return t;
  }();
  return table;
}

struct Square {
  std::size_t n;
  std::vector<float> values;

  float& at(std::size_t i, std::size_t j) { return values[i * n + j]; }
  double at(std::size_t i, std::size_t j) const { return values[i * n + j]; }
  MatrixView<const float> view() const { return {values.data(), n, n}; }
};

// A second moment with a decaying spectrum and columns of different sizes, as activations have.
inline Square correlated(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  const std::size_t rank = n / 8;
  std::vector<double> mix(rank * n), size(n);
  for (std::size_t i = 0; i < rank; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      mix[i * n + j] = normal(random) / std::sqrt(1.0 + static_cast<double>(i));
    }
  }
  for (double& s : size) s = std::exp(0.5 * normal(random));
  Square h{n, std::vector<float>(n * n)};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = i == j ? 0.3 : 0.0;
      for (std::size_t k = 0; k < rank; ++k) sum += mix[k * n + i] * mix[k * n + j];
      h.at(i, j) = h.at(j, i) = static_cast<float>(sum * size[i] * size[j]);
    }
  }
  return h;
}

inline Square identity(std::size_t n) {
  Square h{n, std::vector<float>(n * n)};
  for (std::size_t i = 0; i < n; ++i) h.at(i, i) = 1.0f;
  return h;
}

struct Rows {
  std::size_t n, cols;
  std::vector<float> values;

  float& at(std::size_t r, std::size_t c) { return values[r * cols + c]; }
  MatrixView<const float> view() const { return {values.data(), n, cols}; }
};

inline Rows random_rows(std::size_t n, std::size_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  Rows rows{n, cols, std::vector<float>(n * cols)};
  for (float& x : rows.values) x = normal(random);
  return rows;
}

// The sum over rows of e H e^T, in double.
inline double cost(const Square& h, const std::vector<double>& errors) {
  double sum = 0.0;
  for (std::size_t first = 0; first < errors.size(); first += h.n) {
    const double* e = errors.data() + first;
    for (std::size_t i = 0; i < h.n; ++i) {
      double g = 0.0;
      for (std::size_t j = 0; j < h.n; ++j) g += h.at(i, j) * e[j];
      sum += g * e[i];
    }
  }
  return sum;
}

inline std::vector<float> decoded(Format format, const std::vector<std::uint8_t>& blocks,
                                  std::size_t n) {
  std::vector<float> out(n);
  scalar_kernels().decode[index_of(format)](blocks.data(), n, out.data());
  return out;
}

inline double cost_of_blocks(const Square& h, Format format, const Rows& target,
                             const std::vector<std::uint8_t>& blocks) {
  const std::vector<float> values = decoded(format, blocks, target.values.size());
  std::vector<double> errors(values.size());
  for (std::size_t i = 0; i < errors.size(); ++i) {
    errors[i] = static_cast<double>(target.values[i]) - values[i];
  }
  return cost(h, errors);
}

struct Rounded {
  RoundingErrors errors;
  std::vector<std::uint8_t> blocks;
};

inline Rounded rounded(Format format, const Rows& target, const Square& h,
                       const RoundingOptions& options = {}, int n_threads = 1,
                       std::string_view tier = {}) {
  ThreadPool pool({.n_threads = n_threads, .pin = false});
  const RoundingFactor factor(pool, h.view());
  Rounded out{{}, std::vector<std::uint8_t>(target.n * row_bytes(format, target.cols))};
  out.errors = round_calibrated(format, target.view(), h.view(), factor, tier, pool,
                                out.blocks.data(), options);
  return out;
}

inline std::vector<std::uint8_t> plain(Format format, const Rows& target, const Square& h) {
  std::vector<float> diagonal(h.n), importance(h.n);
  for (std::size_t j = 0; j < h.n; ++j) diagonal[j] = h.values[j * h.n + j];
  prepare_importance(diagonal.data(), h.n, importance.data());
  std::vector<std::uint8_t> blocks(target.n * row_bytes(format, target.cols));
  encode_rows(*find_codec(format), target.view(), importance.data(), blocks.data());
  return blocks;
}

}  // namespace lathe::test
