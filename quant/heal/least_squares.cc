#include "quant/heal/least_squares.h"

#include <cmath>

#include "runtime/algebra/cholesky.h"
#include "runtime/algebra/products.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

DenseMatrix<double> in_double(MatrixView<const float> a) {
  DenseMatrix<double> out(a.rows, a.cols);
  for (std::size_t r = 0; r < a.rows; ++r) std::copy_n(a.row(r), a.cols, out.row(r));
  return out;
}

}  // namespace

void FitSums::add(ThreadPool& pool, MatrixView<const float> y, MatrixView<const float> f) noexcept {
  add_gram(pool, f, gram_.view());
  multiply_tn(pool, y, f, cross_.view(), Into::kAdded);
}

void FitSums::finish(ThreadPool& pool) noexcept { mirror_lower(pool, gram_.view()); }

DenseMatrix<double> ridge_factor(ThreadPool& pool, MatrixView<const float> gram, double ridge) {
  DenseMatrix<double> a = in_double(gram);
  const std::size_t n = gram.rows;
  double trace = 0.0;
  for (std::size_t i = 0; i < n; ++i) trace += a.row(i)[i];
  if (!std::isfinite(trace)) throw failed("healing: a hidden state is not finite");
  const double shift = trace > 0.0 ? ridge * trace / static_cast<double>(n) : 1.0;
  for (std::size_t i = 0; i < n; ++i) a.row(i)[i] += shift;
  if (!factor_cholesky(pool, a.view())) throw failed("healing: the normal equations are singular");
  return a;
}

DenseMatrix<float> fitted_weights(ThreadPool& pool, const FitSums& sums,
                                  MatrixView<const float> prior, double ridge) {
  const DenseMatrix<double> factor = ridge_factor(pool, sums.gram(), ridge);
  const DenseMatrix<double> gram = in_double(sums.gram()), start = in_double(prior);
  DenseMatrix<double> change(prior.rows, prior.cols);
  multiply(pool, start.cview(), gram.cview(), change.view());
  for (std::size_t r = 0; r < prior.rows; ++r) {
    for (std::size_t c = 0; c < prior.cols; ++c) {
      change.row(r)[c] = static_cast<double>(sums.cross().row(r)[c]) - change.row(r)[c];
    }
  }
  solve_cholesky(pool, factor.cview(), change.view());
  DenseMatrix<float> out(prior.rows, prior.cols);
  for (std::size_t r = 0; r < prior.rows; ++r) {
    for (std::size_t c = 0; c < prior.cols; ++c) {
      out.row(r)[c] = static_cast<float>(start.row(r)[c] + change.row(r)[c]);
    }
  }
  return out;
}

}  // namespace lathe
