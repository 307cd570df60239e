// A non-owning matrix of activations: rows of `cols` contiguous elements, `stride` elements apart.
#pragma once

#include <cstddef>

namespace lathe {

template <typename T>
struct MatrixView {
  T* data = nullptr;
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::size_t stride = 0;  // elements from one row to the next, >= cols

  MatrixView() = default;
  MatrixView(T* p, std::size_t n_rows, std::size_t n_cols) noexcept
      : data(p), rows(n_rows), cols(n_cols), stride(n_cols) {}
  MatrixView(T* p, std::size_t n_rows, std::size_t n_cols, std::size_t row_stride) noexcept
      : data(p), rows(n_rows), cols(n_cols), stride(row_stride) {}

  T* row(std::size_t i) const noexcept { return data + i * stride; }
  MatrixView slice(std::size_t first, std::size_t n_rows) const noexcept {
    return {row(first), n_rows, cols, stride};
  }
  MatrixView columns(std::size_t first, std::size_t n) const noexcept {
    return {data + first, rows, n, stride};
  }
  operator MatrixView<const T>() const noexcept { return {data, rows, cols, stride}; }
};

}  // namespace lathe
