// Half-precision scales as encoders need them.
#pragma once

#include <cmath>
#include <cstdint>

#include "kernels/half.h"

namespace lathe::LATHE_CODEC_TIER {

// A scale as it is stored, and the value that a decoder will see.
struct HalfScale {
  std::uint16_t bits = 0;
  float value = 0.0f;
};

// Nearest half. A scale that is not zero stays so (the smallest half is 2^-24): codes are chosen
// for the rounded scale afterwards, so a block of tiny values keeps what can be kept.
static inline HalfScale half_scale(float v) noexcept {
  if (v != 0.0f && std::fabs(v) < 0x1p-24f) v = std::copysign(0x1p-24f, v);
  const std::uint16_t bits = f16_from_f32(v);
  return {bits, f32_from_f16(bits)};
}

}  // namespace lathe::LATHE_CODEC_TIER
