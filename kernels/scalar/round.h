// Rounding of floats to int8 codes with a common scale (kernels/activation.h has the definition).
#pragma once

#include "kernels/half.h"

namespace lathe {
namespace {

// Nearest integer, ties to even, for |x| < 2^22: at 1.5 * 2^23 the unit in the last place is one.
inline int round_to_int(float x) noexcept {
  constexpr float kMagic = 12582912.0f;
  return static_cast<int>(bits_of_f32(x + kMagic) - bits_of_f32(kMagic));
}

// Writes N codes and returns their scale.
template <int N>
inline float round_to_int8(const float* x, std::int8_t* codes) noexcept {
  float largest = 0.0f;
  for (int i = 0; i < N; ++i) {
    const float magnitude = x[i] < 0.0f ? -x[i] : x[i];
    largest = magnitude > largest ? magnitude : largest;
  }
  const bool zero = largest < 0x1p-120f;
  const float inverse = zero ? 0.0f : 127.0f / largest;
  for (int i = 0; i < N; ++i) codes[i] = static_cast<std::int8_t>(round_to_int(x[i] * inverse));
  return zero ? 0.0f : largest / 127.0f;
}

}  // namespace
}  // namespace lathe
