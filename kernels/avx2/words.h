// The vocabulary of kernels/lanes/ (words.h there) with AVX2, FMA and F16C.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

#define LATHE_INLINE inline __attribute__((always_inline))
#define LATHE_LAMBDA_INLINE __attribute__((always_inline))

namespace lathe {
namespace {

struct F32x8 {
  __m256 v;
};
struct I32x8 {
  __m256i v;
};
struct U8x32 {
  __m256i v;
};
struct F64x8 {
  __m256d lo, hi;
};

// ---- float32

LATHE_INLINE F32x8 load(const float* p) noexcept { return {_mm256_loadu_ps(p)}; }
LATHE_INLINE void store(float* p, F32x8 x) noexcept { _mm256_storeu_ps(p, x.v); }
LATHE_INLINE F32x8 broadcast(float x) noexcept { return {_mm256_set1_ps(x)}; }
LATHE_INLINE F32x8 zero() noexcept { return {_mm256_setzero_ps()}; }
LATHE_INLINE F32x8 operator+(F32x8 a, F32x8 b) noexcept { return {_mm256_add_ps(a.v, b.v)}; }
LATHE_INLINE F32x8 operator-(F32x8 a, F32x8 b) noexcept { return {_mm256_sub_ps(a.v, b.v)}; }
LATHE_INLINE F32x8 operator*(F32x8 a, F32x8 b) noexcept { return {_mm256_mul_ps(a.v, b.v)}; }
LATHE_INLINE F32x8 operator/(F32x8 a, F32x8 b) noexcept { return {_mm256_div_ps(a.v, b.v)}; }
LATHE_INLINE F32x8 fma(F32x8 a, F32x8 b, F32x8 c) noexcept {
  return {_mm256_fmadd_ps(a.v, b.v, c.v)};
}
// Where x is NaN the result is NaN: maxps and minps return their second operand then.
LATHE_INLINE F32x8 max(F32x8 bound, F32x8 x) noexcept { return {_mm256_max_ps(bound.v, x.v)}; }
LATHE_INLINE F32x8 min(F32x8 bound, F32x8 x) noexcept { return {_mm256_min_ps(bound.v, x.v)}; }
LATHE_INLINE F32x8 abs(F32x8 x) noexcept { return {_mm256_andnot_ps(_mm256_set1_ps(-0.0f), x.v)}; }

LATHE_INLINE float sum(F32x8 x) noexcept {
  __m128 s = _mm_add_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
  s = _mm_add_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}
LATHE_INLINE float max_of(F32x8 x) noexcept {
  __m128 s = _mm_max_ps(_mm256_castps256_ps128(x.v), _mm256_extractf128_ps(x.v, 1));
  s = _mm_max_ps(s, _mm_movehl_ps(s, s));
  return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}
LATHE_INLINE F32x8 sums_of_8(const F32x8* x) noexcept {
  const __m256 a = _mm256_hadd_ps(x[0].v, x[1].v);
  const __m256 b = _mm256_hadd_ps(x[2].v, x[3].v);
  const __m256 c = _mm256_hadd_ps(x[4].v, x[5].v);
  const __m256 d = _mm256_hadd_ps(x[6].v, x[7].v);
  const __m256 low = _mm256_hadd_ps(a, b);   // quarters of 0..3: low half, high half
  const __m256 high = _mm256_hadd_ps(c, d);  // quarters of 4..7
  return {_mm256_add_ps(_mm256_permute2f128_ps(low, high, 0x20),
                        _mm256_permute2f128_ps(low, high, 0x31))};
}

LATHE_INLINE F32x8 load_f16(const std::uint16_t* p) noexcept {
  return {_mm256_cvtph_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)))};
}
LATHE_INLINE void store_f16(std::uint16_t* p, F32x8 x) noexcept {
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm256_cvtps_ph(x.v, _MM_FROUND_TO_NEAREST_INT));
}
LATHE_INLINE F32x8 load_bf16(const std::uint16_t* p) noexcept {
  const __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(p)));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(wide, 16))};
}
LATHE_INLINE void store_bf16(std::uint16_t* p, F32x8 x) noexcept {
  const __m256i u = _mm256_castps_si256(x.v);
  const __m256i odd = _mm256_and_si256(_mm256_srli_epi32(u, 16), _mm256_set1_epi32(1));
  const __m256i sum = _mm256_add_epi32(u, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff)));
  const __m256i quiet = _mm256_or_si256(u, _mm256_set1_epi32(64 << 16));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(x.v, x.v, _CMP_UNORD_Q));
  const __m256i r = _mm256_srli_epi32(_mm256_blendv_epi8(sum, quiet, nan), 16);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p),
                   _mm_packus_epi32(_mm256_castsi256_si128(r), _mm256_extracti128_si256(r, 1)));
}
LATHE_INLINE F32x8 load_codes(const std::int8_t* p) noexcept {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(bytes))};
}
LATHE_INLINE F32x8 load_codes(const std::uint8_t* p) noexcept {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(p));
  return {_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(bytes))};
}

// {p0 p0 p1 p1 p2 p2 p3 p3}
LATHE_INLINE F32x8 duplicate_pairs(const float* p) noexcept {
  const __m256 four = _mm256_castps128_ps256(_mm_loadu_ps(p));
  return {_mm256_permutevar8x32_ps(four, _mm256_setr_epi32(0, 0, 1, 1, 2, 2, 3, 3))};
}
LATHE_INLINE F32x8 swap_pairs(F32x8 x) noexcept { return {_mm256_permute_ps(x.v, 0xb1)}; }
// Even lanes negated.
LATHE_INLINE F32x8 alternate_sign(F32x8 x) noexcept {
  return {_mm256_xor_ps(x.v, _mm256_setr_ps(-0.0f, 0.0f, -0.0f, 0.0f, -0.0f, 0.0f, -0.0f, 0.0f))};
}

// Row i of the 8 x 8 matrix becomes column i.
LATHE_INLINE void transpose(F32x8* x) noexcept {
  __m256 t[8], u[8];
  for (int i = 0; i < 4; ++i) {
    t[2 * i] = _mm256_unpacklo_ps(x[2 * i].v, x[2 * i + 1].v);
    t[2 * i + 1] = _mm256_unpackhi_ps(x[2 * i].v, x[2 * i + 1].v);
  }
  for (int i = 0; i < 2; ++i) {
    u[4 * i + 0] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0x44);
    u[4 * i + 1] = _mm256_shuffle_ps(t[4 * i], t[4 * i + 2], 0xee);
    u[4 * i + 2] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0x44);
    u[4 * i + 3] = _mm256_shuffle_ps(t[4 * i + 1], t[4 * i + 3], 0xee);
  }
  for (int i = 0; i < 4; ++i) {
    x[i].v = _mm256_permute2f128_ps(u[i], u[i + 4], 0x20);
    x[i + 4].v = _mm256_permute2f128_ps(u[i], u[i + 4], 0x31);
  }
}

// Eight 4-byte pieces of memory, moved as they are.
LATHE_INLINE F32x8 load_raw(const void* p) noexcept {
  return {_mm256_castsi256_ps(_mm256_loadu_si256(static_cast<const __m256i*>(p)))};
}
LATHE_INLINE void store_raw(void* p, F32x8 x) noexcept {
  _mm256_storeu_si256(static_cast<__m256i*>(p), _mm256_castps_si256(x.v));
}
// {a a a a b b b b}
LATHE_INLINE F32x8 halves(float a, float b) noexcept {
  return {_mm256_insertf128_ps(_mm256_set1_ps(a), _mm_set1_ps(b), 1)};
}
LATHE_INLINE float square_root(float x) noexcept {
  return _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(x)));
}
LATHE_INLINE float f16_to_f32(std::uint16_t h) noexcept { return _cvtsh_ss(h); }

// ---- int32

LATHE_INLINE I32x8 broadcast(std::int32_t x) noexcept { return {_mm256_set1_epi32(x)}; }
LATHE_INLINE I32x8 zero_int() noexcept { return {_mm256_setzero_si256()}; }
LATHE_INLINE I32x8 operator+(I32x8 a, I32x8 b) noexcept { return {_mm256_add_epi32(a.v, b.v)}; }
LATHE_INLINE I32x8 operator-(I32x8 a, I32x8 b) noexcept { return {_mm256_sub_epi32(a.v, b.v)}; }
template <int N>
LATHE_INLINE I32x8 shift_right(I32x8 x) noexcept {
  return {_mm256_srai_epi32(x.v, N)};
}
LATHE_INLINE F32x8 to_f32(I32x8 x) noexcept { return {_mm256_cvtepi32_ps(x.v)}; }
LATHE_INLINE I32x8 round_to_int(F32x8 x) noexcept { return {_mm256_cvtps_epi32(x.v)}; }
// 2^x for -126 <= x <= 127.
LATHE_INLINE F32x8 power_of_two(I32x8 x) noexcept {
  return {
      _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(x.v, _mm256_set1_epi32(127)), 23))};
}

// ---- bytes

LATHE_INLINE U8x32 load_bytes(const void* p) noexcept {
  return {_mm256_loadu_si256(static_cast<const __m256i*>(p))};
}
LATHE_INLINE void store_bytes(void* p, U8x32 x) noexcept {
  _mm256_storeu_si256(static_cast<__m256i*>(p), x.v);
}
LATHE_INLINE U8x32 broadcast_byte(int x) noexcept {
  return {_mm256_set1_epi8(static_cast<char>(x))};
}
LATHE_INLINE U8x32 operator&(U8x32 a, U8x32 b) noexcept { return {_mm256_and_si256(a.v, b.v)}; }
LATHE_INLINE U8x32 operator|(U8x32 a, U8x32 b) noexcept { return {_mm256_or_si256(a.v, b.v)}; }
LATHE_INLINE U8x32 operator^(U8x32 a, U8x32 b) noexcept { return {_mm256_xor_si256(a.v, b.v)}; }
LATHE_INLINE U8x32 operator+(U8x32 a, U8x32 b) noexcept { return {_mm256_add_epi8(a.v, b.v)}; }
LATHE_INLINE U8x32 operator-(U8x32 a, U8x32 b) noexcept { return {_mm256_sub_epi8(a.v, b.v)}; }
// (x >> N) & Mask, Mask within the low 8 - N bits.
template <int N, int Mask>
LATHE_INLINE U8x32 field(U8x32 x) noexcept {
  return {_mm256_and_si256(_mm256_srli_epi16(x.v, N), _mm256_set1_epi8(Mask))};
}
// x << N for bytes below 2^(8 - N).
template <int N>
LATHE_INLINE U8x32 shift_left(U8x32 x) noexcept {
  return {_mm256_slli_epi16(x.v, N)};
}
LATHE_INLINE U8x32 from_u64(std::uint64_t a, std::uint64_t b, std::uint64_t c,
                            std::uint64_t d) noexcept {
  return {_mm256_set_epi64x(static_cast<long long>(d), static_cast<long long>(c),
                            static_cast<long long>(b), static_cast<long long>(a))};
}
// Quarters 0 2 1 3.
LATHE_INLINE U8x32 swap_middle(U8x32 x) noexcept { return {_mm256_permute4x64_epi64(x.v, 0xd8)}; }
// Low halves of 16 bytes, then their high halves.
LATHE_INLINE U8x32 nibbles(const void* p) noexcept {
  const __m128i x = _mm_loadu_si128(static_cast<const __m128i*>(p));
  const __m256i both = _mm256_inserti128_si256(_mm256_castsi128_si256(x), _mm_srli_epi16(x, 4), 1);
  return {_mm256_and_si256(both, _mm256_set1_epi8(15))};
}
LATHE_INLINE U8x32 lookup(const std::int8_t* table, U8x32 index) noexcept {
  const __m128i t = _mm_loadu_si128(reinterpret_cast<const __m128i*>(table));
  return {_mm256_shuffle_epi8(_mm256_broadcastsi128_si256(t), index.v)};
}
// Byte e is all ones where bit e is set.
LATHE_INLINE U8x32 expand_bits(std::uint32_t bits) noexcept {
  const __m256i spread =
      _mm256_setr_epi64x(0, 0x0101010101010101, 0x0202020202020202, 0x0303030303030303);
  const __m256i select = _mm256_set1_epi64x(static_cast<long long>(0x8040201008040201u));
  const __m256i bytes = _mm256_shuffle_epi8(_mm256_set1_epi32(static_cast<int>(bits)), spread);
  return {_mm256_cmpeq_epi8(_mm256_and_si256(bytes, select), select)};
}
// 32 integers within int8 to bytes, in order.
LATHE_INLINE U8x32 narrow(I32x8 a, I32x8 b, I32x8 c, I32x8 d) noexcept {
  const __m256i ab = _mm256_packs_epi32(a.v, b.v);
  const __m256i cd = _mm256_packs_epi32(c.v, d.v);
  const __m256i mixed = _mm256_packs_epi16(ab, cd);  // 4-byte pieces: a b c d | a b c d
  return {_mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7))};
}
// Sums of the first and last 16 signed bytes.
LATHE_INLINE void sums_of_16(U8x32 x, std::int32_t* first, std::int32_t* last) noexcept {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_set1_epi8(1), x.v);
  __m256i s = _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
  s = _mm256_add_epi32(s, _mm256_shuffle_epi32(s, 0x4e));
  s = _mm256_add_epi32(s, _mm256_shuffle_epi32(s, 0xb1));
  *first = _mm256_cvtsi256_si32(s);
  *last = _mm_cvtsi128_si32(_mm256_extracti128_si256(s, 1));
}

// ---- float64 sums

LATHE_INLINE F64x8 zero_double() noexcept { return {_mm256_setzero_pd(), _mm256_setzero_pd()}; }
LATHE_INLINE void accumulate(F64x8& acc, F32x8 x) noexcept {
  acc.lo = _mm256_add_pd(acc.lo, _mm256_cvtps_pd(_mm256_castps256_ps128(x.v)));
  acc.hi = _mm256_add_pd(acc.hi, _mm256_cvtps_pd(_mm256_extractf128_ps(x.v, 1)));
}
LATHE_INLINE void accumulate_squares(F64x8& acc, F32x8 x) noexcept {
  const __m256d a = _mm256_cvtps_pd(_mm256_castps256_ps128(x.v));
  const __m256d b = _mm256_cvtps_pd(_mm256_extractf128_ps(x.v, 1));
  acc.lo = _mm256_fmadd_pd(a, a, acc.lo);
  acc.hi = _mm256_fmadd_pd(b, b, acc.hi);
}
LATHE_INLINE double sum(F64x8 x) noexcept {
  const __m256d s = _mm256_add_pd(x.lo, x.hi);
  const __m128d t = _mm_add_pd(_mm256_castpd256_pd128(s), _mm256_extractf128_pd(s, 1));
  return _mm_cvtsd_f64(t) + _mm_cvtsd_f64(_mm_unpackhi_pd(t, t));
}

}  // namespace
}  // namespace lathe
