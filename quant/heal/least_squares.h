// Linear least squares by normal equations: y ~ W f over many tokens.
//
// Sums are float32, gathered tile after tile in the order of the tokens; what is solved is float64.
// All products and factors have fixed shapes (runtime/algebra): the bits do not depend on the
// number of threads.
#pragma once

#include "runtime/algebra/dense_matrix.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

class FitSums {
 public:
  // y: [n_out], f: [n_in]
  FitSums(std::size_t n_out, std::size_t n_in) : gram_(n_in, n_in), cross_(n_out, n_in) {}

  // y: [n, n_out], f: [n, n_in]
  void add(ThreadPool& pool, MatrixView<const float> y, MatrixView<const float> f) noexcept;
  // When all is added, before what follows.
  void finish(ThreadPool& pool) noexcept;

  MatrixView<const float> gram() const noexcept { return gram_.cview(); }    // sum f f^T
  MatrixView<const float> cross() const noexcept { return cross_.cview(); }  // sum y f^T

 private:
  DenseMatrix<float> gram_, cross_;
};

// gram + ridge tr(gram) / n, factored (runtime/algebra/cholesky.h). A gram of zeros counts as one.
// Error (kFailed) where it is not finite.
DenseMatrix<double> ridge_factor(ThreadPool& pool, MatrixView<const float> gram, double ridge);

// W = prior + (cross - prior gram) (gram + ridge)^-1: the fit that a ridge pulls towards `prior`
// [n_out, n_in].
DenseMatrix<float> fitted_weights(ThreadPool& pool, const FitSums& sums,
                                  MatrixView<const float> prior, double ridge);

}  // namespace lathe
