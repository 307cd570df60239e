// A row as super-blocks of 256 with the weights of their elements.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/codecs/encoders/search.h"
#include "quant/codecs/encoders/weights.h"

namespace lathe::LATHE_CODEC_TIER {

inline constexpr int kSuper = 256;

// Calls encode(x, w, block) for each super-block of the row. `sigma_factor` scales the mean square
// of the super-block that protects small elements from being ignored (weights.h).
template <class Block, Protection kProtection = Protection::kStrong, class Encode>
void for_super_blocks(const float* x, std::size_t n_cols, const float* importance,
                      float sigma_factor, std::uint8_t* blocks, Encode encode) noexcept {
  auto* out = reinterpret_cast<Block*>(blocks);
  alignas(64) float w[kSuper];
  for (std::size_t b = 0; b < n_cols / kSuper; ++b) {
    const float* v = x + b * kSuper;
    const float sigma2 = sigma_factor * sum_of_squares<kSuper>(v) / static_cast<float>(kSuper);
    element_weights(v, importance == nullptr ? nullptr : importance + b * kSuper, kSuper, sigma2,
                    kProtection, w);
    encode(v, w, &out[b]);
  }
}

}  // namespace lathe::LATHE_CODEC_TIER
