// How much the error of each element counts.
//
// With an importance matrix: importance * protection, where the first factor is what the error of a
// column does to the layer's output, and the second keeps large weights right, which whole-model
// divergence rewards: the more, the coarser the format. Without: the protection alone. sigma^2 is
// the mean square of the neighbourhood.
#pragma once

#include <cmath>

#include "quant/codecs/encoders/vec.h"

namespace lathe::LATHE_CODEC_TIER {

enum class Protection {
  kStrong,  // (sigma^2 + x^2)^(1/2)
  kMild,    // (sigma^2 + x^2)^(1/4): Q4_K and finer K-quants, chosen by divergence of whole models
};

// importance may be null. n elements.
static inline void element_weights(const float* x, const float* importance, int n, float sigma2,
                                   Protection protection, float* w) noexcept {
  for (int i = 0; i < n; ++i) {
    float size = std::sqrt(sigma2 + x[i] * x[i]);
    if (protection == Protection::kMild) size = std::sqrt(size);
    w[i] = importance == nullptr ? size : importance[i] * size;
  }
}

}  // namespace lathe::LATHE_CODEC_TIER
