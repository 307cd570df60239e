#include "runtime/algebra/cholesky.h"

#include <algorithm>

#include "runtime/algebra/blas.h"

namespace lathe {
namespace {

using blas::Side;

constexpr std::size_t kBlock = 192;
constexpr std::size_t kRows = 128;  // of a right-hand side, solved by one thread

// The blocks behind column `at`, each [up to kBlock] rows from `at` on.
constexpr std::size_t n_behind(std::size_t n, std::size_t at) noexcept {
  return (n - at + kBlock - 1) / kBlock;
}

template <class T>
MatrixView<T> part(MatrixView<T> a, std::size_t row, std::size_t n_rows, std::size_t col,
                   std::size_t n_cols) noexcept {
  return a.slice(row, n_rows).columns(col, n_cols);
}

// Block column `at` is factored: takes its products from what is behind.
template <class T>
void update_behind(ThreadPool& pool, MatrixView<T> a, std::size_t at, std::size_t width) noexcept {
  const std::size_t first = at + width, n = a.rows, m = n_behind(n, first);
  pool.for_each(m * m, [&](std::size_t t, int) noexcept {
    const std::size_t i = t / m, j = t % m;
    if (j > i) return;
    const std::size_t row = first + i * kBlock, col = first + j * kBlock;
    const std::size_t n_rows = std::min(kBlock, n - row), n_cols = std::min(kBlock, n - col);
    blas::gemm(Side::kPlain, Side::kTransposed, width, T{-1}, part(a, row, n_rows, at, width),
               part(a, col, n_cols, at, width), T{1}, part(a, row, n_rows, col, n_cols));
  });
}

}  // namespace

template <class T>
bool factor_cholesky(ThreadPool& pool, MatrixView<T> a) noexcept {
  openblas_set_num_threads(1);
  const std::size_t n = a.rows;
  for (std::size_t at = 0; at < n; at += kBlock) {
    const std::size_t width = std::min(kBlock, n - at), first = at + width;
    const MatrixView<T> corner = part(a, at, width, at, width);
    if (!blas::factor(corner)) return false;
    pool.for_each(n_behind(n, first), [&](std::size_t i, int) noexcept {
      const std::size_t row = first + i * kBlock;
      blas::solve_right(Side::kTransposed, corner,
                        part(a, row, std::min(kBlock, n - row), at, width));
    });
    update_behind(pool, a, at, width);
  }
  return true;
}

template <class T>
void solve_cholesky(ThreadPool& pool, MatrixView<const T> l, MatrixView<T> b) noexcept {
  openblas_set_num_threads(1);
  pool.for_each((b.rows + kRows - 1) / kRows, [&](std::size_t i, int) noexcept {
    const MatrixView<T> rows = b.slice(i * kRows, std::min(kRows, b.rows - i * kRows));
    blas::solve_right(Side::kTransposed, l, rows);
    blas::solve_right(Side::kPlain, l, rows);
  });
}

#define LATHE_CHOLESKY(T)                                             \
  template bool factor_cholesky(ThreadPool&, MatrixView<T>) noexcept; \
  template void solve_cholesky(ThreadPool&, MatrixView<const T>, MatrixView<T>) noexcept;
LATHE_CHOLESKY(float)
LATHE_CHOLESKY(double)
#undef LATHE_CHOLESKY

}  // namespace lathe
