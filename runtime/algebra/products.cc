#include "runtime/algebra/products.h"

#include <algorithm>

#include "runtime/algebra/blas.h"

namespace lathe {
namespace {

using blas::Side;

constexpr std::size_t kTile = 256;

constexpr std::size_t n_tiles(std::size_t n) noexcept { return (n + kTile - 1) / kTile; }
constexpr std::size_t tile_size(std::size_t i, std::size_t n) noexcept {
  return std::min(kTile, n - i * kTile);
}

template <class T>
MatrixView<T> tile_of(MatrixView<T> c, std::size_t i, std::size_t j) noexcept {
  return c.slice(i * kTile, tile_size(i, c.rows)).columns(j * kTile, tile_size(j, c.cols));
}

// The part of an operand that tile number i of the result needs.
template <class T>
MatrixView<const T> part_of(MatrixView<const T> x, std::size_t i, bool rows) noexcept {
  return rows ? x.slice(i * kTile, tile_size(i, x.rows))
              : x.columns(i * kTile, tile_size(i, x.cols));
}

template <Side kA, Side kB, class T>
void by_tiles(ThreadPool& pool, std::size_t k, MatrixView<const T> a, MatrixView<const T> b,
              MatrixView<T> c, Into into) noexcept {
  openblas_set_num_threads(1);
  const T beta = into == Into::kAdded ? T{1} : T{0};
  const std::size_t across = n_tiles(c.cols);
  pool.for_each(n_tiles(c.rows) * across, [&](std::size_t t, int) noexcept {
    const std::size_t i = t / across, j = t % across;
    blas::gemm(kA, kB, k, T{1}, part_of(a, i, kA == Side::kPlain),
               part_of(b, j, kB == Side::kTransposed), beta, tile_of(c, i, j));
  });
}

}  // namespace

template <class T>
void multiply(ThreadPool& pool, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
              Into into) noexcept {
  by_tiles<Side::kPlain, Side::kPlain>(pool, a.cols, a, b, c, into);
}

template <class T>
void multiply_nt(ThreadPool& pool, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
                 Into into) noexcept {
  by_tiles<Side::kPlain, Side::kTransposed>(pool, a.cols, a, b, c, into);
}

template <class T>
void multiply_tn(ThreadPool& pool, MatrixView<const T> a, MatrixView<const T> b, MatrixView<T> c,
                 Into into) noexcept {
  by_tiles<Side::kTransposed, Side::kPlain>(pool, a.rows, a, b, c, into);
}

template <class T>
void add_gram(ThreadPool& pool, MatrixView<const T> a, MatrixView<T> c) noexcept {
  openblas_set_num_threads(1);
  const std::size_t n = n_tiles(c.rows);
  pool.for_each(n * n, [&](std::size_t t, int) noexcept {
    const std::size_t i = t / n, j = t % n;
    if (j > i) return;
    blas::gemm(Side::kTransposed, Side::kPlain, a.rows, T{1}, part_of(a, i, false),
               part_of(a, j, false), T{1}, tile_of(c, i, j));
  });
}

template <class T>
void mirror_lower(ThreadPool& pool, MatrixView<T> c) noexcept {
  const std::size_t n = n_tiles(c.rows);
  pool.for_each(n * n, [&](std::size_t t, int) noexcept {
    const std::size_t i0 = t / n * kTile, j0 = t % n * kTile;
    if (j0 > i0) return;
    for (std::size_t i = i0; i < std::min(i0 + kTile, c.rows); ++i) {
      for (std::size_t j = j0; j < std::min(j0 + kTile, i); ++j) c.row(j)[i] = c.row(i)[j];
    }
  });
}

#define LATHE_PRODUCTS(T)                                                                         \
  template void multiply(ThreadPool&, MatrixView<const T>, MatrixView<const T>, MatrixView<T>,    \
                         Into) noexcept;                                                          \
  template void multiply_nt(ThreadPool&, MatrixView<const T>, MatrixView<const T>, MatrixView<T>, \
                            Into) noexcept;                                                       \
  template void multiply_tn(ThreadPool&, MatrixView<const T>, MatrixView<const T>, MatrixView<T>, \
                            Into) noexcept;                                                       \
  template void add_gram(ThreadPool&, MatrixView<const T>, MatrixView<T>) noexcept;               \
  template void mirror_lower(ThreadPool&, MatrixView<T>) noexcept;
LATHE_PRODUCTS(float)
LATHE_PRODUCTS(double)
#undef LATHE_PRODUCTS

}  // namespace lathe
