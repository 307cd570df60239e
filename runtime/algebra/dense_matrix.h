// Owns a matrix of float32 or float64 in rows without gaps.
#pragma once

#include <algorithm>
#include <cstddef>

#include "runtime/base/aligned_buffer.h"
#include "runtime/base/matrix_view.h"

namespace lathe {

template <class T>
class DenseMatrix {
 public:
  DenseMatrix() = default;
  // Zeros.
  DenseMatrix(std::size_t rows, std::size_t cols)
      : memory_(rows * cols * sizeof(T)), rows_(rows), cols_(cols) {
    clear();
  }
  static DenseMatrix copy_of(MatrixView<const T> from) {
    DenseMatrix out(from.rows, from.cols);
    for (std::size_t i = 0; i < from.rows; ++i) std::copy_n(from.row(i), from.cols, out.row(i));
    return out;
  }

  std::size_t rows() const noexcept { return rows_; }
  std::size_t cols() const noexcept { return cols_; }
  bool empty() const noexcept { return rows_ == 0; }
  T* row(std::size_t i) const noexcept { return view().row(i); }
  T* data() const noexcept { return memory_.as<T>().data(); }
  MatrixView<const T> cview() const noexcept { return view(); }
  MatrixView<T> view() const noexcept { return {memory_.as<T>().data(), rows_, cols_}; }
  operator MatrixView<T>() const noexcept { return view(); }
  operator MatrixView<const T>() const noexcept { return view(); }
  void clear() noexcept { std::fill_n(memory_.as<T>().data(), rows_ * cols_, T{}); }

 private:
  AlignedBuffer memory_;
  std::size_t rows_ = 0, cols_ = 0;
};

}  // namespace lathe
