// How much the error of each element counts.
//
// With an importance matrix: importance * sqrt(sigma^2 + x^2), where sigma^2 is the mean square of
// the neighbourhood. The first factor is what the error of a column does to the layer's output; the
// second protects large weights, which whole-model divergence rewards. Without: sqrt(sigma^2 +
// x^2).
#pragma once

#include <cmath>

namespace lathe::LATHE_CODEC_TIER {

// importance may be null. n elements.
static inline void element_weights(const float* x, const float* importance, int n, float sigma2,
                                   float* w) noexcept {
  if (importance == nullptr) {
    for (int i = 0; i < n; ++i) w[i] = std::sqrt(sigma2 + x[i] * x[i]);
  } else {
    for (int i = 0; i < n; ++i) w[i] = importance[i] * std::sqrt(sigma2 + x[i] * x[i]);
  }
}

}  // namespace lathe::LATHE_CODEC_TIER
