// Symmetric positive definite systems, by all threads of a pool in fixed shapes (products.h).
#pragma once

#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// a [n, n] = l l^T: l replaces the lower triangle of a, whose upper one is neither read nor
// written. Right-looking in blocks (Golub & Van Loan, Matrix Computations, 4.2). False, and a is
// spoiled, when a is not positive definite in this precision. T is float or double.
template <class T>
bool factor_cholesky(ThreadPool& pool, MatrixView<T> a) noexcept;

// b [m, n] = b a^-1 for a factor l [n, n] of a.
template <class T>
void solve_cholesky(ThreadPool& pool, MatrixView<const T> l, MatrixView<T> b) noexcept;

}  // namespace lathe
