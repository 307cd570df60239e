// Conversions between float32 and the two 16-bit float formats, exact and in scalar code.
//
// GCC 12 has no _Float16 on every target, so halves are uint16_t here. All functions round to
// nearest even, keep subnormals and infinities, and make NaNs quiet, as the hardware instructions
// do. They have internal linkage: each instruction-set tier gets a copy of its own
// (kernels/tiers.h).
#pragma once

#include <bit>
#include <cstdint>

namespace lathe {

static_assert(std::endian::native == std::endian::little, "block formats are read in place");

static inline float f32_from_bits(std::uint32_t u) noexcept { return __builtin_bit_cast(float, u); }
static inline std::uint32_t bits_of_f32(float x) noexcept {
  return __builtin_bit_cast(std::uint32_t, x);
}

static inline float f32_from_f16(std::uint16_t h) noexcept {
  const std::uint32_t sign = (h & 0x8000u) << 16;
  const std::uint32_t mag = h & 0x7fffu;
  // Subnormals are integer multiples of 2^-24, a product that float32 holds exactly.
  const std::uint32_t small = bits_of_f32(static_cast<float>(static_cast<int>(mag)) * 0x1p-24f);
  const std::uint32_t normal = (mag << 13) + (112u << 23);
  const std::uint32_t special = 0x7f800000u | (mag << 13) | (mag > 0x7c00u ? 0x400000u : 0u);
  const std::uint32_t finite = mag < 0x400u ? small : normal;
  return f32_from_bits(sign | (mag < 0x7c00u ? finite : special));
}

static inline std::uint16_t f16_from_f32(float x) noexcept {
  const std::uint32_t u = bits_of_f32(x);
  const std::uint32_t mag = u & 0x7fffffffu;
  // Below 2^-14 the result is a multiple of 2^-24, the unit in the last place of 0.5: the addition
  // rounds for us.
  const std::uint32_t small = bits_of_f32(f32_from_bits(mag) + 0.5f) - bits_of_f32(0.5f);
  const std::uint32_t normal = ((mag + 0xfffu + ((mag >> 13) & 1u)) >> 13) - (112u << 10);
  const std::uint32_t finite = mag < 0x38800000u ? small : normal;
  const std::uint32_t special = mag > 0x7f800000u ? 0x7e00u : 0x7c00u;
  const std::uint32_t result = mag < 0x477ff000u ? finite : special;  // from 65520 on: infinity
  return static_cast<std::uint16_t>((u >> 16 & 0x8000u) | result);
}

static inline float f32_from_bf16(std::uint16_t h) noexcept {
  return f32_from_bits(static_cast<std::uint32_t>(h) << 16);
}

static inline std::uint16_t bf16_from_f32(float x) noexcept {
  const std::uint32_t u = bits_of_f32(x);
  const std::uint32_t rounded = (u + 0x7fffu + ((u >> 16) & 1u)) >> 16;
  const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
  return static_cast<std::uint16_t>(nan ? (u >> 16) | 64u : rounded);
}

}  // namespace lathe
