// Dense products of float32 or float64 matrices by all threads of a pool.
//
// The result is cut into tiles of a fixed size, which threads draw; each is one call of OpenBLAS on
// a single thread. So the bits depend on the shapes and on the kind of CPU, not on the number of
// threads. T is float or double.
#pragma once

#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// What becomes of what the result held before.
enum class Into { kReplaced, kAdded };

// c [m, n] = a [m, k] b [k, n]
template <class T>
void multiply(ThreadPool& pool, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
              Into into = Into::kReplaced) noexcept;
// c [m, n] = a [m, k] b^T, b: [n, k]
template <class T>
void multiply_nt(ThreadPool& pool, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
                 Into into = Into::kReplaced) noexcept;
// c [m, n] = a^T b, a: [k, m], b: [k, n]: sums of outer products over the rows of both.
template <class T>
void multiply_tn(ThreadPool& pool, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
                 Into into = Into::kReplaced) noexcept;

// c [n, n] += a^T a, a: [k, n]. Tiles on and below the diagonal only: mirror_lower() fills the
// rest.
template <class T>
void add_gram(ThreadPool& pool, MatrixView<const T> a, MatrixView<T> c) noexcept;
template <class T>
void mirror_lower(ThreadPool& pool, MatrixView<T> c) noexcept;

}  // namespace lathe
