// Unpacking of the i-quants (super-blocks of 256 that index code books); see unpack_32.h. All
// indices are masked to the size of their table, whatever the bytes are.
#pragma once

#include <cstring>

#include "kernels/scalar/unpack_32.h"

namespace lathe {
namespace {

inline std::uint32_t load_u32(const void* p) noexcept {
  std::uint32_t v;
  std::memcpy(&v, p, sizeof v);
  return v;
}

// N magnitudes, one per byte of `grid`, negated where a bit of `signs` is set.
template <int N>
inline void apply_signs(std::uint64_t grid, unsigned signs, std::int8_t* codes) noexcept {
  for (int j = 0; j < N; ++j) {
    const int magnitude = static_cast<int>(grid >> 8 * j & 255);
    codes[j] = s8(signs >> j & 1 ? -magnitude : magnitude);
  }
}

// The scale of the iq2 formats from its 4-bit code.
inline float iq2_scale(float d, unsigned code) noexcept {
  return d * (0.5f + static_cast<float>(code)) * 0.25f;
}

inline void unpack_block(const BlockIQ2_XXS& b, std::int8_t* codes, float* scales,
                         float*) noexcept {
  const float d = f32_from_f16(b.d);
  for (int ib = 0; ib < 8; ++ib) {
    const std::uint32_t indices = load_u32(b.qs + 4 * ib);
    const std::uint32_t signs = load_u32(b.qs + 4 * ib + 2);
    scales[ib] = iq2_scale(d, signs >> 28);
    for (int l = 0; l < 4; ++l) {
      apply_signs<8>(kIq2xxsGrid[indices >> 8 * l & 255], kSignMasks[signs >> 7 * l & 127],
                     codes + 32 * ib + 8 * l);
    }
  }
}

inline void unpack_block(const BlockIQ2_XS& b, std::int8_t* codes, float* scales, float*) noexcept {
  const float d = f32_from_f16(b.d);
  for (int ib = 0; ib < 8; ++ib) {
    scales[2 * ib] = iq2_scale(d, b.scales[ib] & 15);
    scales[2 * ib + 1] = iq2_scale(d, b.scales[ib] >> 4);
  }
  for (int t = 0; t < 32; ++t) {
    apply_signs<8>(kIq2xsGrid[b.qs[t] & 511], kSignMasks[b.qs[t] >> 9], codes + 8 * t);
  }
}

inline void unpack_block(const BlockIQ2_S& b, std::int8_t* codes, float* scales, float*) noexcept {
  const float d = f32_from_f16(b.d);
  for (int ib = 0; ib < 8; ++ib) {
    scales[2 * ib] = iq2_scale(d, b.scales[ib] & 15);
    scales[2 * ib + 1] = iq2_scale(d, b.scales[ib] >> 4);
  }
  for (int t = 0; t < 32; ++t) {
    const int index = b.qs[t] | (b.qh[t / 4] >> 2 * (t % 4) & 3) << 8;
    apply_signs<8>(kIq2sGrid[index], b.signs[t], codes + 8 * t);
  }
}

inline void unpack_block(const BlockIQ3_XXS& b, std::int8_t* codes, float* scales,
                         float*) noexcept {
  const float d = f32_from_f16(b.d);
  for (int ib = 0; ib < 8; ++ib) {
    const std::uint32_t word = load_u32(b.scales_signs + 4 * ib);
    scales[ib] = d * (0.5f + static_cast<float>(word >> 28)) * 0.5f;
    for (int t = 0; t < 8; ++t) {
      const unsigned signs = kSignMasks[word >> 7 * (t / 2) & 127];
      apply_signs<4>(kIq3xxsGrid[b.qs[8 * ib + t]], signs >> 4 * (t % 2), codes + 32 * ib + 4 * t);
    }
  }
}

inline void unpack_block(const BlockIQ3_S& b, std::int8_t* codes, float* scales, float*) noexcept {
  const float d = f32_from_f16(b.d);
  for (int ib = 0; ib < 8; ++ib) {
    const int code = b.scales[ib / 2] >> 4 * (ib % 2) & 15;
    scales[ib] = d * static_cast<float>(1 + 2 * code);
    for (int t = 0; t < 8; ++t) {
      const int index = b.qs[8 * ib + t] | (b.qh[ib] >> t & 1) << 8;
      apply_signs<4>(kIq3sGrid[index],
                     static_cast<unsigned>(b.signs[4 * ib + t / 2] >> 4 * (t % 2)),
                     codes + 32 * ib + 4 * t);
    }
  }
}

// 8 * (grid + offset) of eight ternary elements, offset = +-1/8.
inline void unpack_iq1(unsigned index, bool negative_offset, std::int8_t* codes) noexcept {
  const std::uint64_t grid = kIq1sGrid[index & 2047];
  for (int j = 0; j < 8; ++j) {
    const int g = static_cast<std::int8_t>(grid >> 8 * j & 255);
    codes[j] = s8(8 * g + (negative_offset ? -1 : 1));
  }
}

// An eighth of the format's scale, to go with codes of eight times the value: exact.
inline float iq1_scale(float d, unsigned code) noexcept {
  return d * static_cast<float>(2 * code + 1) * 0.125f;
}

inline void unpack_block(const BlockIQ1_S& b, std::int8_t* codes, float* scales, float*) noexcept {
  const float d = f32_from_f16(b.d);
  for (int ib = 0; ib < 8; ++ib) {
    const unsigned qh = b.qh[ib];
    scales[ib] = iq1_scale(d, qh >> 12 & 7);
    for (int l = 0; l < 4; ++l) {
      const unsigned index = b.qs[4 * ib + l] | (qh >> 3 * l & 7) << 8;
      unpack_iq1(index, qh >> 15 != 0, codes + 32 * ib + 8 * l);
    }
  }
}

inline void unpack_block(const BlockIQ1_M& b, std::int8_t* codes, float* scales, float*) noexcept {
  const std::uint16_t* sc = b.scales;
  const float d = f32_from_f16(static_cast<std::uint16_t>(
      sc[0] >> 12 | (sc[1] >> 8 & 0x00f0) | (sc[2] >> 4 & 0x0f00) | (sc[3] & 0xf000)));
  for (int k = 0; k < 16; ++k) {
    scales[k] = iq1_scale(d, static_cast<unsigned>(sc[k / 4] >> 3 * (k % 4) & 7));
  }
  for (int t = 0; t < 32; ++t) {
    const unsigned nibble = b.qh[t / 2] >> 4 * (t % 2) & 15;
    unpack_iq1(b.qs[t] | (nibble & 7) << 8, nibble >> 3 != 0, codes + 8 * t);
  }
}

inline void unpack_block(const BlockIQ4_XS& b, std::int8_t* codes, float* scales, float*) noexcept {
  const float d = f32_from_f16(b.d);
  for (int ib = 0; ib < 8; ++ib) {
    const int low = b.scales_l[ib / 2] >> 4 * (ib % 2) & 15;
    const int high = b.scales_h >> 2 * ib & 3;
    scales[ib] = d * static_cast<float>((low | high << 4) - 32);
    unpack_nibbles(b.qs + 16 * ib, kIq4Values, 16, codes + 32 * ib);
  }
}

}  // namespace
}  // namespace lathe
