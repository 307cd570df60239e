// CodeReader (codes_k.h) of the i-quants with code books: grid entries are loaded side by side into
// a register, signs are spread from bits to bytes. Indices are masked to the size of their table.
#pragma once

#include "kernels/lanes/codes_k.h"
#include "kernels/scalar/unpack_iq.h"

namespace lathe {
namespace {

// Magnitudes negated where the bit of `signs` is set.
LATHE_INLINE U8x32 with_signs(U8x32 magnitudes, std::uint32_t signs) noexcept {
  const U8x32 mask = expand_bits(signs);
  return (magnitudes ^ mask) - mask;
}

// Signs of 32 elements from four 7-bit indices, 7 bits apart.
LATHE_INLINE std::uint32_t signs_of_indices(std::uint32_t w) noexcept {
  return kSignMasks[w & 127] | static_cast<std::uint32_t>(kSignMasks[w >> 7 & 127]) << 8 |
         static_cast<std::uint32_t>(kSignMasks[w >> 14 & 127]) << 16 |
         static_cast<std::uint32_t>(kSignMasks[w >> 21 & 127]) << 24;
}

template <>
struct CodeReader<Format::IQ2_XXS> : CodeRange<-43, 43, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockIQ2_XXS& b) noexcept {
    const std::uint32_t i = load_u32(b.qs + 4 * J);
    const auto* grid = kIq2xxsGrid;
    return with_signs(
        from_u64(grid[i & 255], grid[i >> 8 & 255], grid[i >> 16 & 255], grid[i >> 24]),
        signs_of_indices(load_u32(b.qs + 4 * J + 2)));
  }
  static LATHE_INLINE void read_scales(const BlockIQ2_XXS& b, float* scales, float*) noexcept {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) scales[g] = iq2_scale(d, load_u32(b.qs + 4 * g + 2) >> 28);
  }
};

// 4-bit scale codes of 16 groups: scale (0.5 + code) / 4.
LATHE_INLINE void read_iq2_scales(std::uint16_t d, const std::uint8_t* codes,
                                  float* scales) noexcept {
  const float factor = f16_to_f32(d);
  for (int g = 0; g < 8; ++g) {
    scales[2 * g] = iq2_scale(factor, codes[g] & 15);
    scales[2 * g + 1] = iq2_scale(factor, codes[g] >> 4);
  }
}

template <>
struct CodeReader<Format::IQ2_XS> : CodeRange<-43, 43, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockIQ2_XS& b) noexcept {
    const std::uint16_t* q = b.qs + 4 * J;
    const auto* grid = kIq2xsGrid;
    const std::uint32_t signs = kSignMasks[q[0] >> 9] |
                                static_cast<std::uint32_t>(kSignMasks[q[1] >> 9]) << 8 |
                                static_cast<std::uint32_t>(kSignMasks[q[2] >> 9]) << 16 |
                                static_cast<std::uint32_t>(kSignMasks[q[3] >> 9]) << 24;
    return with_signs(
        from_u64(grid[q[0] & 511], grid[q[1] & 511], grid[q[2] & 511], grid[q[3] & 511]), signs);
  }
  static LATHE_INLINE void read_scales(const BlockIQ2_XS& b, float* scales, float*) noexcept {
    read_iq2_scales(b.d, b.scales, scales);
  }
};

template <>
struct CodeReader<Format::IQ2_S> : CodeRange<-43, 43, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockIQ2_S& b) noexcept {
    const unsigned h = b.qh[J];
    const std::uint8_t* q = b.qs + 4 * J;
    const auto* grid = kIq2sGrid;
    return with_signs(from_u64(grid[q[0] | (h << 8 & 0x300)], grid[q[1] | (h << 6 & 0x300)],
                               grid[q[2] | (h << 4 & 0x300)], grid[q[3] | (h << 2 & 0x300)]),
                      load_u32(b.signs + 4 * J));
  }
  static LATHE_INLINE void read_scales(const BlockIQ2_S& b, float* scales, float*) noexcept {
    read_iq2_scales(b.d, b.scales, scales);
  }
};

// Two neighbouring entries of four elements.
LATHE_INLINE std::uint64_t pair_of(std::uint32_t first, std::uint32_t second) noexcept {
  return first | static_cast<std::uint64_t>(second) << 32;
}

template <>
struct CodeReader<Format::IQ3_XXS> : CodeRange<-62, 62, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockIQ3_XXS& b) noexcept {
    const std::uint8_t* q = b.qs + 8 * J;
    const auto* grid = kIq3xxsGrid;
    return with_signs(from_u64(pair_of(grid[q[0]], grid[q[1]]), pair_of(grid[q[2]], grid[q[3]]),
                               pair_of(grid[q[4]], grid[q[5]]), pair_of(grid[q[6]], grid[q[7]])),
                      signs_of_indices(load_u32(b.scales_signs + 4 * J)));
  }
  static LATHE_INLINE void read_scales(const BlockIQ3_XXS& b, float* scales, float*) noexcept {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) {
      const auto code = static_cast<float>(load_u32(b.scales_signs + 4 * g) >> 28);
      scales[g] = d * (0.5f + code) * 0.5f;
    }
  }
};

template <>
struct CodeReader<Format::IQ3_S> : CodeRange<-15, 15, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockIQ3_S& b) noexcept {
    const std::uint8_t* q = b.qs + 8 * J;
    const unsigned h = b.qh[J];
    const auto entry = [&](int t)
                           LATHE_LAMBDA_INLINE { return kIq3sGrid[q[t] | (h << (8 - t) & 0x100)]; };
    return with_signs(from_u64(pair_of(entry(0), entry(1)), pair_of(entry(2), entry(3)),
                               pair_of(entry(4), entry(5)), pair_of(entry(6), entry(7))),
                      load_u32(b.signs + 4 * J));
  }
  static LATHE_INLINE void read_scales(const BlockIQ3_S& b, float* scales, float*) noexcept {
    const std::uint32_t codes = load_u32(b.scales);
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) {
      scales[g] = d * static_cast<float>(1 + 2 * (codes >> 4 * g & 15));
    }
  }
};

// 8 * grid + offset: the offset of +-1/8 is folded into the codes.
LATHE_INLINE U8x32 eight_times(U8x32 x) noexcept {
  const U8x32 twice = x + x;
  const U8x32 four = twice + twice;
  return four + four;
}

template <>
struct CodeReader<Format::IQ1_S> : CodeRange<-9, 9, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockIQ1_S& b) noexcept {
    const unsigned h = b.qh[J];
    const std::uint8_t* q = b.qs + 4 * J;
    const auto* grid = kIq1sGrid;
    const U8x32 x = from_u64(grid[q[0] | (h << 8 & 0x700)], grid[q[1] | (h << 5 & 0x700)],
                             grid[q[2] | (h << 2 & 0x700)], grid[q[3] | (h >> 1 & 0x700)]);
    return eight_times(x) + broadcast_byte(h >> 15 != 0 ? -1 : 1);
  }
  static LATHE_INLINE void read_scales(const BlockIQ1_S& b, float* scales, float*) noexcept {
    const float d = f16_to_f32(b.d);
    for (int g = 0; g < 8; ++g) scales[g] = iq1_scale(d, b.qh[g] >> 12 & 7);
  }
};

template <>
struct CodeReader<Format::IQ1_M> : CodeRange<-9, 9, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockIQ1_M& b) noexcept {
    const unsigned h = b.qh[2 * J] | static_cast<unsigned>(b.qh[2 * J + 1]) << 8;  // four nibbles
    const std::uint8_t* q = b.qs + 4 * J;
    const auto* grid = kIq1sGrid;
    const U8x32 x = from_u64(grid[q[0] | (h << 8 & 0x700)], grid[q[1] | (h << 4 & 0x700)],
                             grid[q[2] | (h & 0x700)], grid[q[3] | (h >> 4 & 0x700)]);
    const std::uint32_t negative =  // top bits of the nibbles to the lowest bits of bytes
        (h >> 3 & 1) | (h >> 7 & 1) << 8 | (h >> 11 & 1) << 16 | (h >> 15 & 1) << 24;
    return eight_times(x) + (expand_bits(negative * 255) | broadcast_byte(1));
  }
  static LATHE_INLINE void read_scales(const BlockIQ1_M& b, float* scales, float*) noexcept {
    const std::uint16_t* sc = b.scales;
    const float d = f16_to_f32(static_cast<std::uint16_t>(
        sc[0] >> 12 | (sc[1] >> 8 & 0x00f0) | (sc[2] >> 4 & 0x0f00) | (sc[3] & 0xf000)));
    for (int k = 0; k < 16; ++k) {
      scales[k] = iq1_scale(d, static_cast<unsigned>(sc[k / 4] >> 3 * (k % 4) & 7));
    }
  }
};

}  // namespace
}  // namespace lathe
