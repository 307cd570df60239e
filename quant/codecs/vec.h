// Four float lanes: the vocabulary of the encoders' searches.
//
// Files must come out the same on every CPU and in every build. So all sums have one fixed shape
// (four partial sums, combined pairwise), all operations are IEEE ones, and this folder is compiled
// without contraction to fused multiply-adds. GCC's vector extension maps to SSE2 and NEON, which
// every CPU of the two architectures has.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace lathe {

using F4 = float __attribute__((vector_size(16)));

static inline F4 load4(const float* p) noexcept {
  F4 v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
static inline void store4(float* p, F4 v) noexcept { std::memcpy(p, &v, sizeof v); }
static inline F4 splat4(float v) noexcept { return F4{v, v, v, v}; }
#ifdef __SSE2__  // the instructions are exactly these choices, but GCC does not see it
static inline F4 min4(F4 a, F4 b) noexcept { return _mm_min_ps(a, b); }
static inline F4 max4(F4 a, F4 b) noexcept { return _mm_max_ps(a, b); }
#else
static inline F4 min4(F4 a, F4 b) noexcept { return a < b ? a : b; }
static inline F4 max4(F4 a, F4 b) noexcept { return a > b ? a : b; }
#endif
static inline F4 abs4(F4 v) noexcept { return max4(v, -v); }
static inline float sum4(F4 v) noexcept { return (v[0] + v[2]) + (v[1] + v[3]); }
static inline float hmin4(F4 v) noexcept {
  const float a = v[0] < v[2] ? v[0] : v[2], b = v[1] < v[3] ? v[1] : v[3];
  return a < b ? a : b;
}
static inline float hmax4(F4 v) noexcept { return -hmin4(-v); }

// Nearest integer, ties to even, for |v| < 2^22: the sum has no room for a fraction.
inline constexpr float kRoundMagic = 12582912.0f;  // 1.5 * 2^23
static inline F4 round4(F4 v) noexcept { return (v + splat4(kRoundMagic)) - splat4(kRoundMagic); }
static inline float round1(float v) noexcept { return (v + kRoundMagic) - kRoundMagic; }

// Clamped before it is rounded, so that any finite or infinite v is safe.
static inline F4 round_clamped4(F4 v, float lo, float hi) noexcept {
  return round4(min4(max4(v, splat4(lo)), splat4(hi)));
}
static inline float round_clamped1(float v, float lo, float hi) noexcept {
  return round1(v < lo ? lo : v > hi ? hi : v);
}

// Small non-negative integers in float lanes, as bytes.
using I4 = std::int32_t __attribute__((vector_size(16)));
static inline void store_bytes4(std::uint8_t* p, F4 v) noexcept {
  const I4 i = __builtin_convertvector(v, I4);
  const std::uint32_t bytes =
      static_cast<std::uint32_t>(i[0] | i[1] << 8 | i[2] << 16 | i[3] << 24);
  std::memcpy(p, &bytes, sizeof bytes);
}

}  // namespace lathe
