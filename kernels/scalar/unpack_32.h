// Unpacking of the formats with blocks of 32 to 128 elements (and the fp4 formats): one block to
// int8 codes with a scale, and where the format has one a minimum, per group (formats.def).
//
// The order of operations is that of the format's definition, so that scale * code + minimum is bit
// for bit the value that the format defines: decoding is built on these functions too. Everything
// has internal linkage, so any tier may include it.
#pragma once

#include <cstdint>

#include "kernels/formats/blocks.h"
#include "kernels/formats/codebooks.h"
#include "kernels/half.h"

namespace lathe {
namespace {

inline std::int8_t s8(int v) noexcept { return static_cast<std::int8_t>(v); }

// Nibbles in split halves: element j low, element j + 16 high; `bias` is added to each.
inline void unpack_nibbles(const std::uint8_t* qs, int bias, std::int8_t* codes) noexcept {
  for (int j = 0; j < 16; ++j) {
    codes[j] = s8((qs[j] & 15) + bias);
    codes[j + 16] = s8((qs[j] >> 4) + bias);
  }
}

// The same as indices into a table of 16 values.
inline void unpack_nibbles(const std::uint8_t* qs, const std::int8_t* table, int half,
                           std::int8_t* codes) noexcept {
  for (int j = 0; j < half; ++j) {
    codes[j] = table[qs[j] & 15];
    codes[j + half] = table[qs[j] >> 4];
  }
}

inline void add_fifth_bits(const std::uint8_t* qh, std::int8_t* codes) noexcept {
  for (int e = 0; e < 32; ++e) codes[e] = s8(codes[e] + (qh[e / 8] >> e % 8 & 1) * 16);
}

inline void unpack_block(const BlockQ4_0& b, std::int8_t* codes, float* scales, float*) noexcept {
  scales[0] = f32_from_f16(b.d);
  unpack_nibbles(b.qs, -8, codes);
}

inline void unpack_block(const BlockQ4_1& b, std::int8_t* codes, float* scales,
                         float* mins) noexcept {
  scales[0] = f32_from_f16(b.d);
  mins[0] = f32_from_f16(b.m);
  unpack_nibbles(b.qs, 0, codes);
}

inline void unpack_block(const BlockQ5_0& b, std::int8_t* codes, float* scales, float*) noexcept {
  scales[0] = f32_from_f16(b.d);
  unpack_nibbles(b.qs, -16, codes);
  add_fifth_bits(b.qh, codes);
}

inline void unpack_block(const BlockQ5_1& b, std::int8_t* codes, float* scales,
                         float* mins) noexcept {
  scales[0] = f32_from_f16(b.d);
  mins[0] = f32_from_f16(b.m);
  unpack_nibbles(b.qs, 0, codes);
  add_fifth_bits(b.qh, codes);
}

inline void unpack_block(const BlockQ8_0& b, std::int8_t* codes, float* scales, float*) noexcept {
  scales[0] = f32_from_f16(b.d);
  for (int e = 0; e < 32; ++e) codes[e] = b.qs[e];
}

inline void unpack_block(const BlockIQ4_NL& b, std::int8_t* codes, float* scales, float*) noexcept {
  scales[0] = f32_from_f16(b.d);
  unpack_nibbles(b.qs, kIq4Values, 16, codes);
}

// 2^(e - 128), the last two steps of the range as subnormals.
inline float mxfp4_scale(std::uint8_t e) noexcept {
  return f32_from_bits(e < 2 ? 0x00200000u << e : (e - 1u) << 23);
}

inline void unpack_block(const BlockMXFP4& b, std::int8_t* codes, float* scales, float*) noexcept {
  scales[0] = mxfp4_scale(b.e);
  unpack_nibbles(b.qs, kFp4Values, 16, codes);
}

// Half the E4M3 value: the table of codes holds twice the E2M1 value.
inline float nvfp4_scale(std::uint8_t x) noexcept {
  const int exponent = x >> 3 & 15;
  const int mantissa = x & 7;
  if (x == 0x7f) return 0.0f;
  if (exponent == 0) return static_cast<float>(mantissa) * 0x1p-10f;
  // (8 + mantissa) * 2^(exponent - 11)
  return static_cast<float>(8 + mantissa) *
         f32_from_bits(static_cast<std::uint32_t>(exponent - 11 + 127) << 23);
}

inline void unpack_block(const BlockNVFP4& b, std::int8_t* codes, float* scales, float*) noexcept {
  for (int s = 0; s < 4; ++s) {
    scales[s] = nvfp4_scale(b.d[s]);
    unpack_nibbles(b.qs + 8 * s, kFp4Values, 8, codes + 16 * s);
  }
}

inline void unpack_block(const BlockQ1_0& b, std::int8_t* codes, float* scales, float*) noexcept {
  for (int g = 0; g < 4; ++g) scales[g] = f32_from_f16(b.d);
  for (int e = 0; e < 128; ++e) codes[e] = s8((b.qs[e / 8] >> e % 8 & 1) * 2 - 1);
}

inline void unpack_block(const BlockQ2_0& b, std::int8_t* codes, float* scales, float*) noexcept {
  for (int g = 0; g < 2; ++g) scales[g] = f32_from_f16(b.d);
  for (int e = 0; e < 64; ++e) codes[e] = s8((b.qs[e / 4] >> 2 * (e % 4) & 3) - 1);
}

}  // namespace
}  // namespace lathe
