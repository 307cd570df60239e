// Q6_K, Q3_K and Q2_K times one token, on the blocks as they lie (see matvec_k.h): 16 groups of 16
// columns a block, a 128-bit lane each.
#pragma once

#include "kernels/avx512/matvec_k.h"

namespace lathe {
namespace {

// Codes as unsigned bytes, elements 64 i to 64 i + 63 in q[i]; they are kOffset = 1 << kShift too
// large (0: exact).
template <class Block>
struct Groups16;

template <>
struct Groups16<BlockQ6_K> {
  static constexpr int kShift = 5;
  static constexpr bool kHasMin = false;
  static void codes(const BlockQ6_K& b, __m512i q[4]) noexcept { q6_codes(b, q); }
  static __m128i scales(const BlockQ6_K& b) noexcept { return load16(b.scales); }
};

// Two bits of every byte, p = 0 and 1 (or, one more, 2 and 3): the pair of planes of 64 elements.
// Multishift offsets 8 * byte + 2 * p, upper half 2 more.
inline __m512i two_planes(const uint8_t* qs, int i) noexcept {
  const __m512i first = _mm512_inserti64x4(_mm512_set1_epi64(0x3830282018100800),
                                           _mm256_set1_epi64x(0x3a322a221a120a02), 1);
  const __m512i at = _mm512_add_epi8(first, _mm512_set1_epi8(static_cast<char>(4 * (i % 2))));
  const __m512i bytes = _mm512_broadcast_i64x4(load32(qs + 32 * (i / 2)));
  return _mm512_multishift_epi64_epi8(at, bytes);
}

template <>
struct Groups16<BlockQ3_K> {
  static constexpr int kShift = 2;
  static constexpr bool kHasMin = false;
  static void codes(const BlockQ3_K& b, __m512i q[4]) noexcept {
    // Bit 2 i (upper half: 2 i + 1) of hmask to bit 2: offsets 8 * byte + 2 i - 2 (- 1).
    const __m512i first = _mm512_inserti64x4(_mm512_set1_epi64(0x766e665e564e463e),
                                             _mm256_set1_epi64x(0x776f675f574f473f), 1);
    const __m512i high = _mm512_broadcast_i64x4(load32(b.hmask));
    const __m512i low2 = _mm512_set1_epi8(3), bit2 = _mm512_set1_epi8(4);
    for (int i = 0; i < 4; ++i) {
      const __m512i at = _mm512_add_epi8(first, _mm512_set1_epi8(static_cast<char>(2 * i)));
      const __m512i low = _mm512_and_si512(two_planes(b.qs, i), low2);
      q[i] = _mm512_ternarylogic_epi64(low, _mm512_multishift_epi64_epi8(at, high), bit2, 0xf8);
    }
  }
  static __m128i scales(const BlockQ3_K& b) noexcept { return q3_scales(b.scales); }
};

template <>
struct Groups16<BlockQ2_K> {
  static constexpr int kShift = 0;
  static constexpr bool kHasMin = true;
  static void codes(const BlockQ2_K& b, __m512i q[4]) noexcept {
    for (int i = 0; i < 4; ++i) q[i] = _mm512_and_si512(two_planes(b.qs, i), _mm512_set1_epi8(3));
  }
  static __m128i scales(const BlockQ2_K& b) noexcept {
    return _mm_and_si128(load16(b.scales), _mm_set1_epi8(15));
  }
  static __m128i mins(const BlockQ2_K& b) noexcept {
    return _mm_and_si128(_mm_srli_epi16(load16(b.scales), 4), _mm_set1_epi8(15));
  }
};

inline __m128 floats_of(uint16_t a, uint16_t b, uint16_t c, uint16_t d) noexcept {
  __m128i halves = _mm_cvtsi32_si128(a);
  halves = _mm_insert_epi16(halves, b, 1);
  halves = _mm_insert_epi16(halves, c, 2);
  return _mm_cvtph_ps(_mm_insert_epi16(halves, d, 3));
}

struct Act256 {
  __m512i codes[4];
  __m512i minus_sums;  // int16 [16] of sums of 16 codes, negated; the upper half is zero
  float scale;

  Act256(const ActRow& x, size_t block) noexcept : scale(x.scales[block]) {
    for (int k = 0; k < 4; ++k) codes[k] = _mm512_loadu_si512(x.codes + 256 * block + 64 * k);
    const __m512i bias = _mm512_loadu_si512(x.bias16 + 16 * block);  // -128 times the sums
    minus_sums = _mm512_zextsi256_si512(_mm512_cvtepi32_epi16(_mm512_srai_epi32(bias, 7)));
  }
};

inline __m512i words_of(__m128i bytes) noexcept {
  return _mm512_zextsi256_si512(_mm256_cvtepi8_epi16(bytes));
}

// scale * code, summed, of a block: exact in int32.
template <class Block>
inline __m512i dot_block(const Block& b, const Act256& x) noexcept {
  using G = Groups16<Block>;
  const __m512i words = _mm512_set_epi16(3, 3, 3, 3, 3, 3, 3, 3, 2, 2, 2, 2, 2, 2, 2, 2,  //
                                         1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  const __m512i scales = words_of(G::scales(b));
  __m512i dot = _mm512_setzero_si512();
  if constexpr (G::kShift != 0) {
    dot = _mm512_dpwssd_epi32(dot, _mm512_slli_epi16(scales, G::kShift), x.minus_sums);
  }
  __m512i q[4];
  G::codes(b, q);
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) {
    const __m512i select = _mm512_add_epi16(words, _mm512_set1_epi16(static_cast<short>(4 * k)));
    const __m512i products = _mm512_maddubs_epi16(q[k], x.codes[k]);
    dot = _mm512_dpwssd_epi32(dot, products, _mm512_permutexvar_epi16(select, scales));
  }
  return dot;
}

template <class Block>
inline void dot_four_rows(const FourRows<Block>& w, size_t n_cols, const ActRow& x, size_t n,
                          float* y) noexcept requires(Groups16<Block>::kShift >= 0) {
  __m512 sum[kMatvecRows];
  for (__m512& s : sum) s = _mm512_setzero_ps();
  for (size_t i = 0; i < n_cols / 256; ++i) {
    w.prefetch(i, 1);
    const Act256 a(x, i);
    const Block *b0 = w.row[0] + i, *b1 = w.row[1] + i, *b2 = w.row[2] + i, *b3 = w.row[3] + i;
    alignas(16) float d[4], dmin[4];
    const __m128 scale = _mm_set1_ps(a.scale);
    _mm_store_ps(d, _mm_mul_ps(floats_of(b0->d, b1->d, b2->d, b3->d), scale));
    if constexpr (Groups16<Block>::kHasMin) {
      const __m128 m = floats_of(b0->dmin, b1->dmin, b2->dmin, b3->dmin);
      _mm_store_ps(dmin, _mm_mul_ps(m, scale));
    }
#pragma GCC unroll 4
    for (size_t r = 0; r < kMatvecRows; ++r) {
      const Block& b = w.row[r][i];
      sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot_block(b, a)), broadcast(d + r), sum[r]);
      if constexpr (Groups16<Block>::kHasMin) {
        const __m512i mins = words_of(Groups16<Block>::mins(b));
        const __m512i dot = _mm512_dpwssd_epi32(_mm512_setzero_si512(), mins, a.minus_sums);
        sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), broadcast(dmin + r), sum[r]);
      }
    }
  }
  store_sums(sum, n, y);
}

}  // namespace
}  // namespace lathe
