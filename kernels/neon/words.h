// The vocabulary of kernels/lanes/ (words.h there) with NEON: pairs of q registers.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#define LATHE_INLINE inline __attribute__((always_inline))
#define LATHE_LAMBDA_INLINE __attribute__((always_inline))

namespace lathe {
namespace {

struct F32x8 {
  float32x4_t lo, hi;
};
struct I32x8 {
  int32x4_t lo, hi;
};
struct U8x32 {
  uint8x16_t lo, hi;
};
struct F64x8 {
  float64x2_t s[4];
};

// ---- float32

LATHE_INLINE F32x8 load(const float* p) noexcept { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
LATHE_INLINE void store(float* p, F32x8 x) noexcept {
  vst1q_f32(p, x.lo);
  vst1q_f32(p + 4, x.hi);
}
LATHE_INLINE F32x8 broadcast(float x) noexcept { return {vdupq_n_f32(x), vdupq_n_f32(x)}; }
LATHE_INLINE F32x8 zero() noexcept { return broadcast(0.0f); }
LATHE_INLINE F32x8 operator+(F32x8 a, F32x8 b) noexcept {
  return {vaddq_f32(a.lo, b.lo), vaddq_f32(a.hi, b.hi)};
}
LATHE_INLINE F32x8 operator-(F32x8 a, F32x8 b) noexcept {
  return {vsubq_f32(a.lo, b.lo), vsubq_f32(a.hi, b.hi)};
}
LATHE_INLINE F32x8 operator*(F32x8 a, F32x8 b) noexcept {
  return {vmulq_f32(a.lo, b.lo), vmulq_f32(a.hi, b.hi)};
}
LATHE_INLINE F32x8 operator/(F32x8 a, F32x8 b) noexcept {
  return {vdivq_f32(a.lo, b.lo), vdivq_f32(a.hi, b.hi)};
}
LATHE_INLINE F32x8 fma(F32x8 a, F32x8 b, F32x8 c) noexcept {
  return {vfmaq_f32(c.lo, a.lo, b.lo), vfmaq_f32(c.hi, a.hi, b.hi)};
}
LATHE_INLINE F32x8 max(F32x8 a, F32x8 b) noexcept {
  return {vmaxq_f32(a.lo, b.lo), vmaxq_f32(a.hi, b.hi)};
}
LATHE_INLINE F32x8 min(F32x8 a, F32x8 b) noexcept {
  return {vminq_f32(a.lo, b.lo), vminq_f32(a.hi, b.hi)};
}
LATHE_INLINE F32x8 abs(F32x8 x) noexcept { return {vabsq_f32(x.lo), vabsq_f32(x.hi)}; }

LATHE_INLINE float sum(F32x8 x) noexcept { return vaddvq_f32(vaddq_f32(x.lo, x.hi)); }
LATHE_INLINE float max_of(F32x8 x) noexcept { return vmaxvq_f32(vmaxq_f32(x.lo, x.hi)); }
LATHE_INLINE float32x4_t sums_of_4(const F32x8* x) noexcept {
  float32x4_t s[4];
  for (int i = 0; i < 4; ++i) s[i] = vaddq_f32(x[i].lo, x[i].hi);
  return vpaddq_f32(vpaddq_f32(s[0], s[1]), vpaddq_f32(s[2], s[3]));
}
LATHE_INLINE F32x8 sums_of_8(const F32x8* x) noexcept { return {sums_of_4(x), sums_of_4(x + 4)}; }

LATHE_INLINE F32x8 load_f16(const std::uint16_t* p) noexcept {
  const float16x8_t x = vreinterpretq_f16_u16(vld1q_u16(p));
  return {vcvt_f32_f16(vget_low_f16(x)), vcvt_high_f32_f16(x)};
}
LATHE_INLINE void store_f16(std::uint16_t* p, F32x8 x) noexcept {
  vst1q_u16(p, vreinterpretq_u16_f16(vcvt_high_f16_f32(vcvt_f16_f32(x.lo), x.hi)));
}
LATHE_INLINE F32x8 load_bf16(const std::uint16_t* p) noexcept {
  const uint16x8_t x = vld1q_u16(p);
  return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(x), 16)),
          vreinterpretq_f32_u32(vshll_high_n_u16(x, 16))};
}
LATHE_INLINE uint16x4_t to_bf16(float32x4_t x) noexcept {
  const uint32x4_t u = vreinterpretq_u32_f32(x);
  const uint32x4_t odd = vandq_u32(vshrq_n_u32(u, 16), vdupq_n_u32(1));
  const uint32x4_t rounded = vaddq_u32(u, vaddq_u32(odd, vdupq_n_u32(0x7fff)));
  const uint32x4_t quiet = vorrq_u32(u, vdupq_n_u32(64 << 16));
  return vshrn_n_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet), 16);
}
LATHE_INLINE void store_bf16(std::uint16_t* p, F32x8 x) noexcept {
  vst1q_u16(p, vcombine_u16(to_bf16(x.lo), to_bf16(x.hi)));
}
LATHE_INLINE F32x8 load_codes(const std::int8_t* p) noexcept {
  const int16x8_t x = vmovl_s8(vld1_s8(p));
  return {vcvtq_f32_s32(vmovl_s16(vget_low_s16(x))), vcvtq_f32_s32(vmovl_high_s16(x))};
}
LATHE_INLINE F32x8 load_codes(const std::uint8_t* p) noexcept {
  const uint16x8_t x = vmovl_u8(vld1_u8(p));
  return {vcvtq_f32_u32(vmovl_u16(vget_low_u16(x))), vcvtq_f32_u32(vmovl_high_u16(x))};
}

// {p0 p0 p1 p1 p2 p2 p3 p3}
LATHE_INLINE F32x8 duplicate_pairs(const float* p) noexcept {
  const float32x4_t x = vld1q_f32(p);
  return {vzip1q_f32(x, x), vzip2q_f32(x, x)};
}
LATHE_INLINE F32x8 swap_pairs(F32x8 x) noexcept { return {vrev64q_f32(x.lo), vrev64q_f32(x.hi)}; }
// Even lanes negated.
LATHE_INLINE F32x8 alternate_sign(F32x8 x) noexcept {
  const uint32x4_t sign = vreinterpretq_u32_u64(vdupq_n_u64(0x80000000u));
  return {vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x.lo), sign)),
          vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(x.hi), sign))};
}
// {a a a a b b b b}
LATHE_INLINE F32x8 halves(float a, float b) noexcept { return {vdupq_n_f32(a), vdupq_n_f32(b)}; }

LATHE_INLINE float32x4_t low_halves(float32x4_t a, float32x4_t b) noexcept {
  return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
LATHE_INLINE float32x4_t high_halves(float32x4_t a, float32x4_t b) noexcept {
  return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
LATHE_INLINE void transpose_4(float32x4_t& a, float32x4_t& b, float32x4_t& c,
                              float32x4_t& d) noexcept {
  const float32x4_t ab0 = vtrn1q_f32(a, b), ab1 = vtrn2q_f32(a, b);
  const float32x4_t cd0 = vtrn1q_f32(c, d), cd1 = vtrn2q_f32(c, d);
  a = low_halves(ab0, cd0);
  b = low_halves(ab1, cd1);
  c = high_halves(ab0, cd0);
  d = high_halves(ab1, cd1);
}
// Row i of the 8 x 8 matrix becomes column i.
LATHE_INLINE void transpose(F32x8* x) noexcept {
  transpose_4(x[0].lo, x[1].lo, x[2].lo, x[3].lo);
  transpose_4(x[4].hi, x[5].hi, x[6].hi, x[7].hi);
  transpose_4(x[0].hi, x[1].hi, x[2].hi, x[3].hi);
  transpose_4(x[4].lo, x[5].lo, x[6].lo, x[7].lo);
  for (int i = 0; i < 4; ++i) {
    const float32x4_t t = x[i].hi;
    x[i].hi = x[i + 4].lo;
    x[i + 4].lo = t;
  }
}

// Eight 4-byte pieces of memory, moved as they are.
LATHE_INLINE F32x8 load_raw(const void* p) noexcept {
  const auto* bytes = static_cast<const std::uint8_t*>(p);
  return {vreinterpretq_f32_u8(vld1q_u8(bytes)), vreinterpretq_f32_u8(vld1q_u8(bytes + 16))};
}
LATHE_INLINE void store_raw(void* p, F32x8 x) noexcept {
  auto* bytes = static_cast<std::uint8_t*>(p);
  vst1q_u8(bytes, vreinterpretq_u8_f32(x.lo));
  vst1q_u8(bytes + 16, vreinterpretq_u8_f32(x.hi));
}
LATHE_INLINE float square_root(float x) noexcept {
  return vget_lane_f32(vsqrt_f32(vdup_n_f32(x)), 0);
}
LATHE_INLINE float f16_to_f32(std::uint16_t h) noexcept {
  return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h))), 0);
}

// ---- int32

LATHE_INLINE I32x8 broadcast(std::int32_t x) noexcept { return {vdupq_n_s32(x), vdupq_n_s32(x)}; }
LATHE_INLINE I32x8 zero_int() noexcept { return broadcast(std::int32_t{0}); }
LATHE_INLINE I32x8 operator+(I32x8 a, I32x8 b) noexcept {
  return {vaddq_s32(a.lo, b.lo), vaddq_s32(a.hi, b.hi)};
}
LATHE_INLINE I32x8 operator-(I32x8 a, I32x8 b) noexcept {
  return {vsubq_s32(a.lo, b.lo), vsubq_s32(a.hi, b.hi)};
}
template <int N>
LATHE_INLINE I32x8 shift_right(I32x8 x) noexcept {
  return {vshrq_n_s32(x.lo, N), vshrq_n_s32(x.hi, N)};
}
LATHE_INLINE F32x8 to_f32(I32x8 x) noexcept { return {vcvtq_f32_s32(x.lo), vcvtq_f32_s32(x.hi)}; }
LATHE_INLINE I32x8 round_to_int(F32x8 x) noexcept {
  return {vcvtnq_s32_f32(x.lo), vcvtnq_s32_f32(x.hi)};
}
// 2^x for -126 <= x <= 127.
LATHE_INLINE F32x8 power_of_two(I32x8 x) noexcept {
  const int32x4_t bias = vdupq_n_s32(127);
  return {vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(x.lo, bias), 23)),
          vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(x.hi, bias), 23))};
}

// ---- bytes

LATHE_INLINE U8x32 load_bytes(const void* p) noexcept {
  const auto* bytes = static_cast<const std::uint8_t*>(p);
  return {vld1q_u8(bytes), vld1q_u8(bytes + 16)};
}
LATHE_INLINE void store_bytes(void* p, U8x32 x) noexcept {
  auto* bytes = static_cast<std::uint8_t*>(p);
  vst1q_u8(bytes, x.lo);
  vst1q_u8(bytes + 16, x.hi);
}
LATHE_INLINE U8x32 broadcast_byte(int x) noexcept {
  const uint8x16_t v = vdupq_n_u8(static_cast<std::uint8_t>(x));
  return {v, v};
}
LATHE_INLINE U8x32 operator&(U8x32 a, U8x32 b) noexcept {
  return {vandq_u8(a.lo, b.lo), vandq_u8(a.hi, b.hi)};
}
LATHE_INLINE U8x32 operator|(U8x32 a, U8x32 b) noexcept {
  return {vorrq_u8(a.lo, b.lo), vorrq_u8(a.hi, b.hi)};
}
LATHE_INLINE U8x32 operator^(U8x32 a, U8x32 b) noexcept {
  return {veorq_u8(a.lo, b.lo), veorq_u8(a.hi, b.hi)};
}
LATHE_INLINE U8x32 operator+(U8x32 a, U8x32 b) noexcept {
  return {vaddq_u8(a.lo, b.lo), vaddq_u8(a.hi, b.hi)};
}
LATHE_INLINE U8x32 operator-(U8x32 a, U8x32 b) noexcept {
  return {vsubq_u8(a.lo, b.lo), vsubq_u8(a.hi, b.hi)};
}
// (x >> N) & Mask, Mask within the low 8 - N bits.
template <int N, int Mask>
LATHE_INLINE U8x32 field(U8x32 x) noexcept {
  if constexpr (N > 0) x = {vshrq_n_u8(x.lo, N), vshrq_n_u8(x.hi, N)};
  if constexpr (Mask == 0xff >> N) return x;
  return x & broadcast_byte(Mask);
}
// x << N for bytes below 2^(8 - N).
template <int N>
LATHE_INLINE U8x32 shift_left(U8x32 x) noexcept {
  return {vshlq_n_u8(x.lo, N), vshlq_n_u8(x.hi, N)};
}
LATHE_INLINE U8x32 from_u64(std::uint64_t a, std::uint64_t b, std::uint64_t c,
                            std::uint64_t d) noexcept {
  return {vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(a), vcreate_u64(b))),
          vreinterpretq_u8_u64(vcombine_u64(vcreate_u64(c), vcreate_u64(d)))};
}
// Quarters 0 2 1 3.
LATHE_INLINE U8x32 swap_middle(U8x32 x) noexcept {
  const uint64x2_t lo = vreinterpretq_u64_u8(x.lo), hi = vreinterpretq_u64_u8(x.hi);
  return {vreinterpretq_u8_u64(vzip1q_u64(lo, hi)), vreinterpretq_u8_u64(vzip2q_u64(lo, hi))};
}
// Low halves of 16 bytes, then their high halves.
LATHE_INLINE U8x32 nibbles(const void* p) noexcept {
  const uint8x16_t x = vld1q_u8(static_cast<const std::uint8_t*>(p));
  return {vandq_u8(x, vdupq_n_u8(15)), vshrq_n_u8(x, 4)};
}
LATHE_INLINE U8x32 lookup(const std::int8_t* table, U8x32 index) noexcept {
  const uint8x16_t t = vreinterpretq_u8_s8(vld1q_s8(table));
  return {vqtbl1q_u8(t, index.lo), vqtbl1q_u8(t, index.hi)};
}
// Byte e is all ones where bit e is set.
LATHE_INLINE U8x32 expand_bits(std::uint32_t bits) noexcept {
  const uint8x16_t bytes = vreinterpretq_u8_u32(vdupq_n_u32(bits));
  const uint8x16_t select = vreinterpretq_u8_u64(vdupq_n_u64(0x8040201008040201u));
  const uint8x16_t first = vcombine_u8(vdup_n_u8(0), vdup_n_u8(1));
  const uint8x16_t second = vcombine_u8(vdup_n_u8(2), vdup_n_u8(3));
  return {vtstq_u8(vqtbl1q_u8(bytes, first), select), vtstq_u8(vqtbl1q_u8(bytes, second), select)};
}
// 32 integers within int8 to bytes, in order.
LATHE_INLINE int8x8_t narrow_8(I32x8 x) noexcept {
  return vmovn_s16(vcombine_s16(vmovn_s32(x.lo), vmovn_s32(x.hi)));
}
LATHE_INLINE U8x32 narrow(I32x8 a, I32x8 b, I32x8 c, I32x8 d) noexcept {
  return {vreinterpretq_u8_s8(vcombine_s8(narrow_8(a), narrow_8(b))),
          vreinterpretq_u8_s8(vcombine_s8(narrow_8(c), narrow_8(d)))};
}
// Sums of the first and last 16 signed bytes.
LATHE_INLINE void sums_of_16(U8x32 x, std::int32_t* first, std::int32_t* last) noexcept {
  *first = vaddlvq_s8(vreinterpretq_s8_u8(x.lo));
  *last = vaddlvq_s8(vreinterpretq_s8_u8(x.hi));
}

// ---- float64 sums

LATHE_INLINE F64x8 zero_double() noexcept {
  const float64x2_t z = vdupq_n_f64(0.0);
  return {{z, z, z, z}};
}
LATHE_INLINE void accumulate(F64x8& acc, F32x8 x) noexcept {
  acc.s[0] = vaddq_f64(acc.s[0], vcvt_f64_f32(vget_low_f32(x.lo)));
  acc.s[1] = vaddq_f64(acc.s[1], vcvt_high_f64_f32(x.lo));
  acc.s[2] = vaddq_f64(acc.s[2], vcvt_f64_f32(vget_low_f32(x.hi)));
  acc.s[3] = vaddq_f64(acc.s[3], vcvt_high_f64_f32(x.hi));
}
LATHE_INLINE void accumulate_square(float64x2_t& acc, float64x2_t x) noexcept {
  acc = vfmaq_f64(acc, x, x);
}
LATHE_INLINE void accumulate_squares(F64x8& acc, F32x8 x) noexcept {
  accumulate_square(acc.s[0], vcvt_f64_f32(vget_low_f32(x.lo)));
  accumulate_square(acc.s[1], vcvt_high_f64_f32(x.lo));
  accumulate_square(acc.s[2], vcvt_f64_f32(vget_low_f32(x.hi)));
  accumulate_square(acc.s[3], vcvt_high_f64_f32(x.hi));
}
LATHE_INLINE double sum(F64x8 x) noexcept {
  return vaddvq_f64(vaddq_f64(vaddq_f64(x.s[0], x.s[1]), vaddq_f64(x.s[2], x.s[3])));
}

}  // namespace
}  // namespace lathe
