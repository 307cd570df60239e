// Small vocabulary of the AVX-512 tier.
//
// Everything in the tier's headers has internal linkage: the objects export fill_avx512* only, so
// that no function compiled for AVX-512 can serve code that runs on an older CPU. For the same
// reason nothing of <algorithm> and its kin is used here.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

#include "kernels/activation.h"
#include "kernels/formats/blocks.h"
#include "kernels/kernel_table.h"

namespace lathe {
namespace {

using std::int32_t;
using std::int8_t;
using std::size_t;
using std::uint16_t;
using std::uint32_t;
using std::uint64_t;
using std::uint8_t;

constexpr size_t min_of(size_t a, size_t b) noexcept { return a < b ? a : b; }

template <class T>
inline T load_as(const void* p) noexcept {
  T v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

inline float half_to_float(uint16_t h) noexcept { return _cvtsh_ss(h); }

// The first n (0 to 16) lanes.
inline __mmask16 first_lanes(size_t n) noexcept {
  return static_cast<__mmask16>((1u << min_of(n, 16)) - 1u);
}

// All 16 lanes, known when compiled: loads and stores of whole vectors are not masked. A masked
// load that misses the cache can cost several times as much (Zen 5).
struct AllLanes {};

inline __m512 load(const float* p, AllLanes) noexcept { return _mm512_loadu_ps(p); }
inline __m512 load(const float* p, __mmask16 lanes) noexcept {
  return _mm512_maskz_loadu_ps(lanes, p);
}
inline void store(float* p, AllLanes, __m512 x) noexcept { _mm512_storeu_ps(p, x); }
inline void store(float* p, __mmask16 lanes, __m512 x) noexcept {
  _mm512_mask_storeu_ps(p, lanes, x);
}
inline __m512 zero_outside(AllLanes, __m512 x) noexcept { return x; }
inline __m512 zero_outside(__mmask16 lanes, __m512 x) noexcept {
  return _mm512_maskz_mov_ps(lanes, x);
}
inline __m512 max_within(AllLanes, __m512 a, __m512 b) noexcept { return _mm512_max_ps(a, b); }
inline __m512 max_within(__mmask16 lanes, __m512 a, __m512 b) noexcept {
  return _mm512_mask_max_ps(a, lanes, a, b);
}

// Calls f(i, lanes) for each 16 elements of n: AllLanes, and a mask for what is left.
template <class F>
inline void for_vectors(size_t n, F f) noexcept {
  size_t i = 0;
  for (; i + 16 <= n; i += 16) f(i, AllLanes{});
  if (i < n) f(i, first_lanes(n - i));
}

// Calls f.operator()<T>(first token) over n tokens in tiles of kMost, 4, 2 and 1.
template <size_t kMost, class F>
inline void for_token_tiles(size_t n, F f) noexcept {
  size_t t = 0;
  for (; t + kMost <= n; t += kMost) f.template operator()<kMost>(t);
  if (n - t >= 4) f.template operator()<4>(t), t += 4;
  if (n - t >= 2) f.template operator()<2>(t), t += 2;
  if (n - t >= 1) f.template operator()<1>(t);
}

inline __m512 broadcast(const float* p) noexcept { return _mm512_set1_ps(*p); }
inline __m512i broadcast4(const void* p) noexcept { return _mm512_set1_epi32(load_as<int32_t>(p)); }

inline __m512 bf16_to_float(__m256i x) noexcept {
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(x), 16));
}

// Round to nearest even; a NaN stays a NaN and becomes quiet.
inline __m256i float_to_bf16(__m512 x) noexcept {
  const __m512i u = _mm512_castps_si512(x);
  const __m512i high = _mm512_srli_epi32(u, 16);
  const __m512i odd = _mm512_and_si512(high, _mm512_set1_epi32(1));
  const __m512i half = _mm512_add_epi32(_mm512_set1_epi32(0x7fff), odd);
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(u, half), 16);
  const __m512i quiet = _mm512_or_si512(high, _mm512_set1_epi32(64));
  const __mmask16 nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
  return _mm512_cvtepi32_epi16(_mm512_mask_mov_epi32(rounded, nan, quiet));
}

// Rows to columns of 32-bit words: v[i] word j becomes v[j] word i.
inline void transpose_16x16(__m512i v[16]) noexcept {
  __m512i t[16];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {  // words of four rows, per 128-bit lane
    const __m512i ab_lo = _mm512_unpacklo_epi32(v[4 * i], v[4 * i + 1]);
    const __m512i ab_hi = _mm512_unpackhi_epi32(v[4 * i], v[4 * i + 1]);
    const __m512i cd_lo = _mm512_unpacklo_epi32(v[4 * i + 2], v[4 * i + 3]);
    const __m512i cd_hi = _mm512_unpackhi_epi32(v[4 * i + 2], v[4 * i + 3]);
    t[4 * i] = _mm512_unpacklo_epi64(ab_lo, cd_lo);
    t[4 * i + 1] = _mm512_unpackhi_epi64(ab_lo, cd_lo);
    t[4 * i + 2] = _mm512_unpacklo_epi64(ab_hi, cd_hi);
    t[4 * i + 3] = _mm512_unpackhi_epi64(ab_hi, cd_hi);
  }
#pragma GCC unroll 4
  for (int j = 0; j < 4;
       ++j) {  // then the 128-bit lanes: lane l of t[4 i + j] to lane i of v[4 l + j]
    const __m512i a = _mm512_shuffle_i32x4(t[j], t[4 + j], 0x88);
    const __m512i b = _mm512_shuffle_i32x4(t[j], t[4 + j], 0xdd);
    const __m512i c = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0x88);
    const __m512i d = _mm512_shuffle_i32x4(t[8 + j], t[12 + j], 0xdd);
    v[j] = _mm512_shuffle_i32x4(a, c, 0x88);
    v[8 + j] = _mm512_shuffle_i32x4(a, c, 0xdd);
    v[4 + j] = _mm512_shuffle_i32x4(b, d, 0x88);
    v[12 + j] = _mm512_shuffle_i32x4(b, d, 0xdd);
  }
}

}  // namespace
}  // namespace lathe
