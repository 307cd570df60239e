// MXFP4: 4-bit floats with a power of two for each 32. The exponent is the one of three around the
// largest magnitude that gives the least weighted error.
#include <cmath>

#include "kernels/formats/blocks.h"
#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/search.h"
#include "quant/codecs/encoders/weights.h"

namespace lathe::LATHE_CODEC_TIER {
namespace {

constexpr int kSize = 32;
// Twice the values of E2M1 (kernels/formats/codebooks.h), spelled out for the compiler.
constexpr float kMagnitudes[8] = {0, 1, 2, 3, 4, 6, 8, 12};

// Index of the nearest magnitude; `values` gets the magnitude itself.
V16 nearest(V16 magnitude, V16* values) noexcept {
  V16 index = {}, value = {};
  for (int i = 0; i < 7; ++i) {
    const auto above = magnitude > splat<V16>(0.5f * (kMagnitudes[i] + kMagnitudes[i + 1]));
    index += select(above, splat<V16>(1.0f), V16{});
    value += select(above, splat<V16>(kMagnitudes[i + 1] - kMagnitudes[i]), V16{});
  }
  *values = value;
  return index;
}

// 2^(e - 128), the decoder's scale; e = 0 is 2^-128.
float scale_of(int e) noexcept { return std::ldexp(1.0f, e - 128); }

float error_at(const float* x, const float* w, int e) noexcept {
  const float scale = scale_of(e), inverse = safe_inverse(scale);
  V16 sum = {};
  for (int i = 0; i < kSize; i += 16) {
    const V16 m = abs(load<V16>(x + i));
    V16 value;
    nearest(m * splat<V16>(inverse), &value);
    const V16 error = splat<V16>(scale) * value - m;
    sum += load<V16>(w + i) * (error * error);
  }
  return sum_lanes(sum);
}

// The exponent that puts `top` between magnitudes 8 and 16.
int exponent_of(float top) noexcept {
  constexpr int kLowest = 2, kHighest = 250;  // below the inverse of the scale overflows
  const int e = std::ilogb(top) - 3 + 128;
  return e < kLowest ? kLowest : e > kHighest ? kHighest : e;
}

}  // namespace

void encode_mxfp4(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  auto* out = reinterpret_cast<BlockMXFP4*>(blocks);
  alignas(64) float w[kSize];
  for (std::size_t b = 0; b < n_cols / kSize; ++b) {
    const float* v = x + b * kSize;
    const float top = std::fabs(signed_max<kSize>(v));
    const float sigma2 = sum_of_squares<kSize>(v) / static_cast<float>(kSize);
    element_weights(v, importance == nullptr ? nullptr : importance + b * kSize, kSize, sigma2,
                    Protection::kStrong, w);
    int e = 0;
    if (top > 0.0f) {
      const int middle = exponent_of(top);
      e = middle;
      float least = error_at(v, w, middle);
      for (const int other : {middle + 1, middle - 1}) {
        const float error = error_at(v, w, other);
        if (!(error < least)) continue;
        least = error;
        e = other;
      }
    }
    out[b].e = static_cast<std::uint8_t>(e);
    const float inverse = e == 0 ? 0.0f : safe_inverse(scale_of(e));
    std::uint8_t codes[kSize];
    for (int i = 0; i < kSize; i += 16) {
      V16 value;
      const V16 index = nearest(abs(load<V16>(v + i)) * splat<V16>(inverse), &value);
      store_bytes(codes + i, index + select(load<V16>(v + i) < V16{}, splat<V16>(8.0f), V16{}));
    }
    for (int j = 0; j < 16; ++j) {
      out[b].qs[j] = static_cast<std::uint8_t>(codes[j] | codes[j + 16] << 4);
    }
  }
}

}  // namespace lathe::LATHE_CODEC_TIER
