// Whether numbers are numbers.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "runtime/base/matrix_view.h"

namespace lathe {

// No NaN and no infinity, which have all bits of the exponent set. Compared as integers, because
// such a loop becomes vectors, which a sum of floats in order does not.
inline bool all_finite(const float* x, std::size_t n) noexcept {
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t n_bad = 0;
  for (std::size_t i = 0; i < n; ++i) {
    n_bad += (std::bit_cast<std::uint32_t>(x[i]) & kExponent) == kExponent ? 1U : 0U;
  }
  return n_bad == 0;
}

inline bool all_finite(MatrixView<const float> rows) noexcept {
  for (std::size_t r = 0; r < rows.rows; ++r) {
    if (!all_finite(rows.row(r), rows.cols)) return false;
  }
  return true;
}

}  // namespace lathe
