// A matrix of activations that owns its elements.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/base/matrix_view.h"

namespace lathe {

class Matrix {
 public:
  Matrix() = default;
  Matrix(std::size_t rows, std::size_t cols) : values_(rows * cols), rows_(rows), cols_(cols) {}

  MatrixView<float> view() noexcept { return {values_.data(), rows_, cols_}; }
  MatrixView<const float> view() const noexcept { return {values_.data(), rows_, cols_}; }
  bool empty() const noexcept { return values_.empty(); }

 private:
  std::vector<float> values_;
  std::size_t rows_ = 0, cols_ = 0;
};

}  // namespace lathe
