// What is kept of the products of two sets of squares, M_ij = sum over terms of g_i^2 x_j^2: its
// sums over rows, over columns, and over all.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/matrix_view.h"

namespace lathe {

struct OuterSums {
  std::vector<double> rows;  // sum_j M_ij = sum over terms of g_i^2 |x|^2
  std::vector<double> cols;  // sum_i M_ij = sum over terms of |g|^2 x_j^2
  double total = 0.0;        // sum over terms of |g|^2 |x|^2

  OuterSums() = default;
  OuterSums(std::size_t n_rows, std::size_t n_cols) : rows(n_rows), cols(n_cols) {}

  // Adds those of a part that has all columns and the rows from first_row on.
  void add(const OuterSums& part, std::size_t first_row) noexcept {
    for (std::size_t i = 0; i < part.rows.size(); ++i) rows[first_row + i] += part.rows[i];
    for (std::size_t j = 0; j < part.cols.size(); ++j) cols[j] += part.cols[j];
    total += part.total;
  }
};

inline double squared_norm(const float* x, std::size_t n) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; ++i) sum += double{x[i]} * x[i];
  return sum;
}

// One thread's work: adds a term for each row of g [n, sums.rows] and x [n, sums.cols].
inline void add_terms(MatrixView<const float> g, MatrixView<const float> x,
                      OuterSums& sums) noexcept {
  for (std::size_t t = 0; t < g.rows; ++t) {
    const double g2 = squared_norm(g.row(t), g.cols), x2 = squared_norm(x.row(t), x.cols);
    for (std::size_t i = 0; i < g.cols; ++i) sums.rows[i] += double{g.row(t)[i]} * g.row(t)[i] * x2;
    for (std::size_t j = 0; j < x.cols; ++j) sums.cols[j] += double{x.row(t)[j]} * x.row(t)[j] * g2;
    sums.total += g2 * x2;
  }
}

}  // namespace lathe
