// Unpacking of the K-quants and ternary formats (super-blocks of 256); see unpack_32.h.
#pragma once

#include "kernels/scalar/unpack_32.h"

namespace lathe {
namespace {

// The two-bit planes of Q2_K, Q3_K and TQ2_0: element 128 h + 32 p + c is bits 2p of byte 32 h + c.
inline void unpack_planes(const std::uint8_t* qs, int bias, std::int8_t* codes) noexcept {
  for (int h = 0; h < 2; ++h) {
    for (int p = 0; p < 4; ++p) {
      for (int c = 0; c < 32; ++c) {
        codes[128 * h + 32 * p + c] = s8((qs[32 * h + c] >> 2 * p & 3) + bias);
      }
    }
  }
}

// The 6-bit scales and minimums of Q4_K and Q5_K (q4_k.h), eight of each.
inline void unpack_scales_6bit(const std::uint8_t* s, std::uint8_t* scales,
                               std::uint8_t* mins) noexcept {
  for (int j = 0; j < 4; ++j) {
    scales[j] = s[j] & 63;
    mins[j] = s[j + 4] & 63;
    scales[j + 4] = static_cast<std::uint8_t>((s[j + 8] & 15) | s[j] >> 6 << 4);
    mins[j + 4] = static_cast<std::uint8_t>(s[j + 8] >> 4 | s[j + 4] >> 6 << 4);
  }
}

inline void unpack_block(const BlockQ2_K& b, std::int8_t* codes, float* scales,
                         float* mins) noexcept {
  const float d = f32_from_f16(b.d);
  const float dmin = f32_from_f16(b.dmin);
  for (int k = 0; k < 16; ++k) {
    scales[k] = d * static_cast<float>(b.scales[k] & 15);
    mins[k] = -(dmin * static_cast<float>(b.scales[k] >> 4));
  }
  unpack_planes(b.qs, 0, codes);
}

inline void unpack_block(const BlockQ3_K& b, std::int8_t* codes, float* scales, float*) noexcept {
  const float d = f32_from_f16(b.d);
  for (int k = 0; k < 16; ++k) {
    const int low = b.scales[k % 8] >> 4 * (k / 8) & 15;
    const int high = b.scales[8 + k % 4] >> 2 * (k / 4) & 3;
    scales[k] = d * static_cast<float>((low | high << 4) - 32);
  }
  unpack_planes(b.qs, -4, codes);
  for (int j = 0; j < 8; ++j) {
    for (int c = 0; c < 32; ++c) {
      codes[32 * j + c] = s8(codes[32 * j + c] + (b.hmask[c] >> j & 1) * 4);
    }
  }
}

// Scales and minimums of Q4_K and Q5_K times their super-block's.
template <typename Block>
inline void unpack_scales(const Block& b, float* scales, float* mins) noexcept {
  const float d = f32_from_f16(b.d);
  const float dmin = f32_from_f16(b.dmin);
  std::uint8_t sc[8], mn[8];
  unpack_scales_6bit(b.scales, sc, mn);
  for (int j = 0; j < 8; ++j) {
    scales[j] = d * static_cast<float>(sc[j]);
    mins[j] = -(dmin * static_cast<float>(mn[j]));
  }
}

inline void unpack_block(const BlockQ4_K& b, std::int8_t* codes, float* scales,
                         float* mins) noexcept {
  unpack_scales(b, scales, mins);
  for (int g = 0; g < 4; ++g) {
    for (int c = 0; c < 32; ++c) {
      codes[64 * g + c] = s8(b.qs[32 * g + c] & 15);
      codes[64 * g + 32 + c] = s8(b.qs[32 * g + c] >> 4);
    }
  }
}

inline void unpack_block(const BlockQ5_K& b, std::int8_t* codes, float* scales,
                         float* mins) noexcept {
  unpack_scales(b, scales, mins);
  for (int g = 0; g < 4; ++g) {
    for (int c = 0; c < 32; ++c) {
      const int high = b.qh[c] >> 2 * g;
      codes[64 * g + c] = s8((b.qs[32 * g + c] & 15) | (high & 1) << 4);
      codes[64 * g + 32 + c] = s8(b.qs[32 * g + c] >> 4 | (high & 2) << 3);
    }
  }
}

inline void unpack_block(const BlockQ6_K& b, std::int8_t* codes, float* scales, float*) noexcept {
  const float d = f32_from_f16(b.d);
  for (int k = 0; k < 16; ++k) scales[k] = d * static_cast<float>(b.scales[k]);
  for (int h = 0; h < 2; ++h) {
    for (int p = 0; p < 4; ++p) {
      for (int c = 0; c < 32; ++c) {
        const int low = b.ql[64 * h + 32 * (p & 1) + c] >> 4 * (p / 2) & 15;
        const int high = b.qh[32 * h + c] >> 2 * p & 3;
        codes[128 * h + 32 * p + c] = s8((low | high << 4) - 32);
      }
    }
  }
}

// Digit n of a byte that is a base-3 fraction of 256; power = 3^n. Returns digit - 1.
inline std::int8_t ternary_digit(std::uint8_t byte, unsigned power) noexcept {
  const unsigned fraction = byte * power & 255;
  return s8(static_cast<int>(fraction * 3 >> 8) - 1);
}

inline void unpack_block(const BlockTQ1_0& b, std::int8_t* codes, float* scales, float*) noexcept {
  for (int g = 0; g < 8; ++g) scales[g] = f32_from_f16(b.d);
  constexpr unsigned kPowers[5] = {1, 3, 9, 27, 81};
  for (int n = 0; n < 5; ++n) {
    for (int m = 0; m < 32; ++m) codes[32 * n + m] = ternary_digit(b.qs[m], kPowers[n]);
    for (int m = 0; m < 16; ++m) codes[160 + 16 * n + m] = ternary_digit(b.qs[32 + m], kPowers[n]);
  }
  for (int n = 0; n < 4; ++n) {
    for (int m = 0; m < 4; ++m) codes[240 + 4 * n + m] = ternary_digit(b.qh[m], kPowers[n]);
  }
}

inline void unpack_block(const BlockTQ2_0& b, std::int8_t* codes, float* scales, float*) noexcept {
  for (int g = 0; g < 8; ++g) scales[g] = f32_from_f16(b.d);
  unpack_planes(b.qs, -1, codes);
}

}  // namespace
}  // namespace lathe
