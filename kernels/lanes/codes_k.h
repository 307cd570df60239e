// Reading the codes of a block in registers, 32 at a time, and its scales (and minimums) as floats:
// the legacy formats, K-quants and their kin. codes_iq.h has the code books, codes.h all of them.
//
// CodeReader<F> of a format:
//   kLow, kHigh          range of its codes
//   kVector              codes<J>(block) gives codes 32 J .. 32 J + 31 as signed bytes
//   read_scales(block, scales, mins)   one per group, as UnpackFn defines them
// Formats without kVector (grids of the i-quants and a few rare ones) are unpacked by the portable
// code of kernels/scalar/, compiled for this tier.
#pragma once

#include "kernels/formats/blocks.h"
#include "kernels/lanes/words.h"
#include "kernels/scalar/unpack_32.h"
#include "kernels/scalar/unpack_k.h"

namespace lathe {
namespace {

template <Format F>
using Block = typename BlockOf<F>::Type;

template <Format F>
struct CodeReader;

template <int Low, int High, bool Vector>
struct CodeRange {
  static constexpr int kLow = Low, kHigh = High;
  static constexpr bool kVector = Vector;
};

// The scalar unpackers serve these.
template <>
struct CodeReader<Format::TQ1_0> : CodeRange<-1, 1, false> {};
template <>
struct CodeReader<Format::Q2_0> : CodeRange<-1, 2, false> {};

// ---- blocks of 32 (Q1_0: 128)

template <>
struct CodeReader<Format::Q4_0> : CodeRange<-8, 7, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ4_0& b) noexcept {
    return nibbles(b.qs) - broadcast_byte(8);
  }
  static LATHE_INLINE void read_scales(const BlockQ4_0& b, float* scales, float*) noexcept {
    scales[0] = f16_to_f32(b.d);
  }
};

template <>
struct CodeReader<Format::Q4_1> : CodeRange<0, 15, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ4_1& b) noexcept {
    return nibbles(b.qs);
  }
  static LATHE_INLINE void read_scales(const BlockQ4_1& b, float* scales, float* mins) noexcept {
    scales[0] = f16_to_f32(b.d);
    mins[0] = f16_to_f32(b.m);
  }
};

// Fifth bits as 16s.
LATHE_INLINE U8x32 fifth_bits(const void* qh) noexcept {
  std::uint32_t bits;
  std::memcpy(&bits, qh, 4);
  return expand_bits(bits) & broadcast_byte(16);
}

template <>
struct CodeReader<Format::Q5_0> : CodeRange<-16, 15, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ5_0& b) noexcept {
    return (nibbles(b.qs) | fifth_bits(b.qh)) - broadcast_byte(16);
  }
  static LATHE_INLINE void read_scales(const BlockQ5_0& b, float* scales, float*) noexcept {
    scales[0] = f16_to_f32(b.d);
  }
};

template <>
struct CodeReader<Format::Q5_1> : CodeRange<0, 31, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ5_1& b) noexcept {
    return nibbles(b.qs) | fifth_bits(b.qh);
  }
  static LATHE_INLINE void read_scales(const BlockQ5_1& b, float* scales, float* mins) noexcept {
    scales[0] = f16_to_f32(b.d);
    mins[0] = f16_to_f32(b.m);
  }
};

template <>
struct CodeReader<Format::Q8_0> : CodeRange<-128, 127, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ8_0& b) noexcept {
    return load_bytes(b.qs);
  }
  static LATHE_INLINE void read_scales(const BlockQ8_0& b, float* scales, float*) noexcept {
    scales[0] = f16_to_f32(b.d);
  }
};

template <>
struct CodeReader<Format::IQ4_NL> : CodeRange<-127, 113, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockIQ4_NL& b) noexcept {
    return lookup(kIq4Values, nibbles(b.qs));
  }
  static LATHE_INLINE void read_scales(const BlockIQ4_NL& b, float* scales, float*) noexcept {
    scales[0] = f16_to_f32(b.d);
  }
};

template <>
struct CodeReader<Format::MXFP4> : CodeRange<-12, 12, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockMXFP4& b) noexcept {
    return lookup(kFp4Values, nibbles(b.qs));
  }
  static LATHE_INLINE void read_scales(const BlockMXFP4& b, float* scales, float*) noexcept {
    scales[0] = mxfp4_scale(b.e);
  }
};

template <>
struct CodeReader<Format::NVFP4> : CodeRange<-12, 12, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockNVFP4& b) noexcept {
    return lookup(kFp4Values, swap_middle(nibbles(b.qs + 16 * J)));
  }
  static LATHE_INLINE void read_scales(const BlockNVFP4& b, float* scales, float*) noexcept {
    for (int s = 0; s < 4; ++s) scales[s] = nvfp4_scale(b.d[s]);
  }
};

template <>
struct CodeReader<Format::Q1_0> : CodeRange<-1, 1, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ1_0& b) noexcept {
    std::uint32_t bits;
    std::memcpy(&bits, b.qs + 4 * J, 4);
    return (expand_bits(bits) & broadcast_byte(2)) - broadcast_byte(1);
  }
  static LATHE_INLINE void read_scales(const BlockQ1_0& b, float* scales, float*) noexcept {
    for (int g = 0; g < 4; ++g) scales[g] = f16_to_f32(b.d);
  }
};

// ---- super-blocks of 256

// Bit plane J % 4 of the two-bit codes of Q2_K, Q3_K and TQ2_0.
template <int J>
LATHE_INLINE U8x32 two_bits(const std::uint8_t* qs) noexcept {
  return field<J % 4 * 2, 3>(load_bytes(qs + J / 4 * 32));
}

// Nibbles of Q4_K and Q5_K: J even low, J odd high.
template <int J>
LATHE_INLINE U8x32 nibble_plane(const std::uint8_t* qs) noexcept {
  return field<J % 2 * 4, 15>(load_bytes(qs + J / 2 * 32));
}

template <>
struct CodeReader<Format::Q2_K> : CodeRange<0, 3, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ2_K& b) noexcept {
    return two_bits<J>(b.qs);
  }
  static LATHE_INLINE void read_scales(const BlockQ2_K& b, float* scales, float* mins) noexcept {
    alignas(32) std::uint8_t parts[32];
    store_bytes(parts, nibbles(b.scales));
    const F32x8 d = broadcast(f16_to_f32(b.d));
    const F32x8 dmin = broadcast(-f16_to_f32(b.dmin));
    for (int k = 0; k < 16; k += 8) {
      store(scales + k, d * load_codes(parts + k));
      store(mins + k, dmin * load_codes(parts + 16 + k));
    }
  }
};

template <>
struct CodeReader<Format::Q3_K> : CodeRange<-4, 3, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ3_K& b) noexcept {
    const U8x32 high = shift_left<2>(field<J, 1>(load_bytes(b.hmask)));
    return (two_bits<J>(b.qs) | high) - broadcast_byte(4);
  }
  static LATHE_INLINE void read_scales(const BlockQ3_K& b, float* scales, float*) noexcept {
    std::uint64_t low;
    std::uint32_t high;
    std::memcpy(&low, b.scales, 8);
    std::memcpy(&high, b.scales + 8, 4);
    const F32x8 d = broadcast(f16_to_f32(b.d));
    for (int half = 0; half < 2; ++half) {
      const std::uint64_t first = high >> 4 * half & 0x03030303u;
      const std::uint64_t second = high >> (4 * half + 2) & 0x03030303u;
      const std::uint64_t eight =
          (low >> 4 * half & 0x0f0f0f0f0f0f0f0fu) | first << 4 | second << 36;
      std::uint8_t parts[8];
      std::memcpy(parts, &eight, 8);
      store(scales + 8 * half, d * (load_codes(parts) - broadcast(32.0f)));
    }
  }
};

// The 6-bit scales and minimums of Q4_K and Q5_K, all eight at once (q4_k.h).
template <class B>
LATHE_INLINE void read_scales_6bit(const B& b, float* scales, float* mins) noexcept {
  std::uint32_t s[3];
  std::memcpy(s, b.scales, 12);
  const std::uint64_t scale_high = (s[2] & 0x0f0f0f0fu) | (s[0] >> 2 & 0x30303030u);
  const std::uint64_t min_high = (s[2] >> 4 & 0x0f0f0f0fu) | (s[1] >> 2 & 0x30303030u);
  const std::uint64_t eight[2] = {(s[0] & 0x3f3f3f3fu) | scale_high << 32,
                                  (s[1] & 0x3f3f3f3fu) | min_high << 32};
  std::uint8_t parts[16];
  std::memcpy(parts, eight, 16);
  store(scales, broadcast(f16_to_f32(b.d)) * load_codes(parts));
  store(mins, broadcast(-f16_to_f32(b.dmin)) * load_codes(parts + 8));
}

template <>
struct CodeReader<Format::Q4_K> : CodeRange<0, 15, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ4_K& b) noexcept {
    return nibble_plane<J>(b.qs);
  }
  static LATHE_INLINE void read_scales(const BlockQ4_K& b, float* scales, float* mins) noexcept {
    read_scales_6bit(b, scales, mins);
  }
};

template <>
struct CodeReader<Format::Q5_K> : CodeRange<0, 31, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ5_K& b) noexcept {
    return nibble_plane<J>(b.qs) | shift_left<4>(field<J, 1>(load_bytes(b.qh)));
  }
  static LATHE_INLINE void read_scales(const BlockQ5_K& b, float* scales, float* mins) noexcept {
    read_scales_6bit(b, scales, mins);
  }
};

template <>
struct CodeReader<Format::Q6_K> : CodeRange<-32, 31, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockQ6_K& b) noexcept {
    constexpr int kHalf = J / 4, kPlane = J % 4;
    const U8x32 low = field<kPlane / 2 * 4, 15>(load_bytes(b.ql + 64 * kHalf + 32 * (kPlane % 2)));
    const U8x32 high = field<kPlane * 2, 3>(load_bytes(b.qh + 32 * kHalf));
    return (low | shift_left<4>(high)) - broadcast_byte(32);
  }
  static LATHE_INLINE void read_scales(const BlockQ6_K& b, float* scales, float*) noexcept {
    const F32x8 d = broadcast(f16_to_f32(b.d));
    store(scales, d * load_codes(b.scales));
    store(scales + 8, d * load_codes(b.scales + 8));
  }
};

template <>
struct CodeReader<Format::IQ4_XS> : CodeRange<-127, 113, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockIQ4_XS& b) noexcept {
    return lookup(kIq4Values, nibbles(b.qs + 16 * J));
  }
  static LATHE_INLINE void read_scales(const BlockIQ4_XS& b, float* scales, float*) noexcept {
    std::uint32_t low;
    std::memcpy(&low, b.scales_l, 4);
    const float d = f16_to_f32(b.d);
    for (int j = 0; j < 8; ++j) {
      const int code = static_cast<int>(low >> 4 * j & 15) | (b.scales_h >> 2 * j & 3) << 4;
      scales[j] = d * static_cast<float>(code - 32);
    }
  }
};

template <>
struct CodeReader<Format::TQ2_0> : CodeRange<-1, 2, true> {
  template <int J>
  static LATHE_INLINE U8x32 codes(const BlockTQ2_0& b) noexcept {
    return two_bits<J>(b.qs) - broadcast_byte(1);
  }
  static LATHE_INLINE void read_scales(const BlockTQ2_0& b, float* scales, float*) noexcept {
    store(scales, broadcast(f16_to_f32(b.d)));
  }
};

}  // namespace
}  // namespace lathe
