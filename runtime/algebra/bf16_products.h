// Products of matrices in bfloat16 with float32 sums, by the panels that the engine multiplies
// weights with (kernels/kernel_table.h): at twice the rate of float32 where the CPU has the
// instruction, at the same elsewhere. For sums over many tokens, which rounding of single values to
// 8 bits does not change.
//
// Tiles of a fixed size, which threads draw, and columns in pieces of a fixed size: the bits depend
// on the shapes and on the tier, not on the number of threads.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "runtime/algebra/products.h"
#include "runtime/base/aligned_buffer.h"
#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// An operand [n_rows, n_cols]: of the left side of a product, or of both.
class Bf16Matrix {
 public:
  enum class Side { kLeft, kBoth };

  // Empty, with room for so much. The kernels must outlive it.
  Bf16Matrix(const KernelTable& kernels, Side side, std::size_t max_rows, std::size_t max_cols);

  void load(ThreadPool& pool, MatrixView<const float> x) noexcept;
  // Row i is column i of x.
  void load_transposed(ThreadPool& pool, MatrixView<const float> x) noexcept;

  // Zeros [n_rows, n_cols], of which set_columns() replaces some.
  void reset(std::size_t n_rows, std::size_t n_cols) noexcept;
  // Column first + k becomes row k of x [n, n_rows]; by the calling thread.
  void set_columns(std::size_t first, MatrixView<const float> x) noexcept;

  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }

  // c [m, n] = a [m, k] b^T, b: [n, k] of both sides
  friend void multiply_nt(ThreadPool& pool, const Bf16Matrix& a, const Bf16Matrix& b,
                          MatrixView<float> c, Into into) noexcept;
  // c [m, m] += a a^T, a of both sides. Tiles on and below the diagonal only, as add_gram()
  // (products.h).
  friend void add_gram_nt(ThreadPool& pool, const Bf16Matrix& a, MatrixView<float> c) noexcept;
  // c [c.rows, n] += rows of a from `row` on, times b^T, of which all columns from n_cols on are
  // zero; by the calling thread.
  friend void add_product_of_rows(const Bf16Matrix& a, std::size_t row, const Bf16Matrix& b,
                                  std::size_t n_cols, MatrixView<float> c) noexcept;

 private:
  template <class Get>
  void load_rows(ThreadPool& pool, Get get) noexcept;
  std::size_t n_pieces() const noexcept;
  std::size_t piece_cols(std::size_t piece) const noexcept;
  std::uint8_t* row(std::size_t piece, std::size_t i) const noexcept;
  std::uint8_t* panel(std::size_t piece, std::size_t i) const noexcept;
  void pack(std::size_t piece, std::size_t first, std::size_t n) noexcept;
  static void multiply_tile(const Bf16Matrix& a, std::size_t row, const Bf16Matrix& b,
                            std::size_t col, std::size_t n_pieces, MatrixView<float> c,
                            Into into) noexcept;

  const KernelTable& kernels_;
  std::size_t max_rows_, rows_ = 0, cols_ = 0;
  AlignedBuffer row_bytes_;    // [n_pieces, max_rows] rows of a piece
  AlignedBuffer panel_bytes_;  // [n_pieces, n_panels], or empty
};

void multiply_nt(ThreadPool& pool, const Bf16Matrix& a, const Bf16Matrix& b, MatrixView<float> c,
                 Into into = Into::kReplaced) noexcept;
void add_gram_nt(ThreadPool& pool, const Bf16Matrix& a, MatrixView<float> c) noexcept;
void add_product_of_rows(const Bf16Matrix& a, std::size_t row, const Bf16Matrix& b,
                         std::size_t n_cols, MatrixView<float> c) noexcept;

}  // namespace lathe
