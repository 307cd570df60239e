// The few routines of BLAS and LAPACK that are used, by type. Row-major, single-threaded: the
// pool's threads call them side by side (products.h, cholesky.h), each on a piece of a fixed shape.
// What OpenBLAS computes depends on the kind of CPU, and on nothing else then.
#pragma once

#include <cblas.h>
#include <f77blas.h>

#include <cstddef>

#include "runtime/base/matrix_view.h"

namespace lathe::blas {

enum class Side { kPlain, kTransposed };

constexpr blasint dim(std::size_t n) noexcept { return static_cast<blasint>(n); }
constexpr CBLAS_TRANSPOSE transpose(Side side) noexcept {
  return side == Side::kPlain ? CblasNoTrans : CblasTrans;
}

// c = op(a) op(b) + beta c; k: columns of op(a).
inline void gemm(Side ta, Side tb, std::size_t k, float alpha, MatrixView<const float> a,
                 MatrixView<const float> b, float beta, MatrixView<float> c) noexcept {
  cblas_sgemm(CblasRowMajor, transpose(ta), transpose(tb), dim(c.rows), dim(c.cols), dim(k), alpha,
              a.data, dim(a.stride), b.data, dim(b.stride), beta, c.data, dim(c.stride));
}
inline void gemm(Side ta, Side tb, std::size_t k, double alpha, MatrixView<const double> a,
                 MatrixView<const double> b, double beta, MatrixView<double> c) noexcept {
  cblas_dgemm(CblasRowMajor, transpose(ta), transpose(tb), dim(c.rows), dim(c.cols), dim(k), alpha,
              a.data, dim(a.stride), b.data, dim(b.stride), beta, c.data, dim(c.stride));
}

// b = b op(l)^-1 for a lower triangular l.
inline void solve_right(Side tl, MatrixView<const float> l, MatrixView<float> b) noexcept {
  cblas_strsm(CblasRowMajor, CblasRight, CblasLower, transpose(tl), CblasNonUnit, dim(b.rows),
              dim(b.cols), 1.0f, l.data, dim(l.stride), b.data, dim(b.stride));
}
inline void solve_right(Side tl, MatrixView<const double> l, MatrixView<double> b) noexcept {
  cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, transpose(tl), CblasNonUnit, dim(b.rows),
              dim(b.cols), 1.0, l.data, dim(l.stride), b.data, dim(b.stride));
}

// a = l l^T in the lower triangle (LAPACK's upper one, which counts by columns). False when a is
// not positive definite.
inline bool factor(MatrixView<float> a) noexcept {
  char upper = 'U';
  blasint n = dim(a.rows), stride = dim(a.stride), info = 0;
  spotrf_(&upper, &n, a.data, &stride, &info);
  return info == 0;
}
inline bool factor(MatrixView<double> a) noexcept {
  char upper = 'U';
  blasint n = dim(a.rows), stride = dim(a.stride), info = 0;
  dpotrf_(&upper, &n, a.data, &stride, &info);
  return info == 0;
}

}  // namespace lathe::blas
