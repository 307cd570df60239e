// Sums over float vectors in one fixed shape: 16 partial sums, folded pairwise. The shape lets
// compilers use vectors of any width and keeps rounding errors small; results do not depend on
// them.
#pragma once

#include <cstddef>

#include "kernels/formats/floats.h"
#include "kernels/half.h"

namespace lathe {
namespace {

inline float to_f32(float x) noexcept { return x; }
inline float to_f32(BlockF16 x) noexcept { return f32_from_f16(x.bits); }
inline float to_f32(BlockBF16 x) noexcept { return f32_from_bf16(x.bits); }

constexpr std::size_t kLanes = 16;

inline float fold(float (&lanes)[kLanes]) noexcept {
  for (std::size_t width = kLanes / 2; width > 0; width /= 2) {
    for (std::size_t j = 0; j < width; ++j) lanes[j] += lanes[j + width];
  }
  return lanes[0];
}

// Sum of a[i] * b[i].
template <typename A, typename B>
inline float dot_floats(const A* a, const B* b, std::size_t n) noexcept {
  float lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t j = 0; j < kLanes; ++j) lanes[j] += to_f32(a[i + j]) * to_f32(b[i + j]);
  }
  for (std::size_t j = 0; i + j < n; ++j) lanes[j] += to_f32(a[i + j]) * to_f32(b[i + j]);
  return fold(lanes);
}

}  // namespace
}  // namespace lathe
