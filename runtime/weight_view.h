// A weight matrix (or vector) as it lies in a mapped file or a buffer: never owns.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/formats/format.h"

namespace lathe {

struct WeightView {
  Format format = Format::F32;
  std::size_t rows = 0;  // outputs
  std::size_t cols = 0;  // inputs; rows of `cols` elements are contiguous blocks
  const std::uint8_t* data = nullptr;

  explicit operator bool() const noexcept { return data != nullptr; }
  std::size_t row_stride() const noexcept { return row_bytes(format, cols); }
  std::size_t bytes() const noexcept { return rows * row_stride(); }
  WeightView slice_rows(std::size_t first, std::size_t n) const noexcept {
    return {format, n, cols, data + first * row_stride()};
  }
};

}  // namespace lathe
