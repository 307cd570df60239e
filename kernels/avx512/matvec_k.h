// Q4_K and Q5_K times one token, on the blocks as they lie: four rows at a time share the
// activations. Scales stay integers: vpmaddubsw multiplies codes and activations, vpdpwssd the
// pairs of products with the scales of their groups, so a block costs one conversion to float. All
// of it is exact up to there (blocks.md of the formats: 2 * 63 * 127 fits int16).
#pragma once

#include "kernels/avx512/unpack_k.h"

namespace lathe {
namespace {

constexpr size_t kMatvecRows = 4;
constexpr size_t kFurtherBytes = 4096;  // ahead of the next four rows; less or more is slower

template <class Block>
struct FourRows {
  const Block* row[kMatvecRows];
  const uint8_t* next;  // what follows the four rows

  // For the use of blocks i to i + n - 1 of the four rows, as much of what comes after the next.
  // The hardware's own prefetch does not see far enough ahead in four short streams.
  void prefetch(size_t i, size_t n) const noexcept {
    const uint8_t* p = next + kFurtherBytes + i * kMatvecRows * sizeof(Block);
    for (size_t at = 0; at < n * kMatvecRows * sizeof(Block); at += 64) {
      _mm_prefetch(reinterpret_cast<const char*>(p + at), _MM_HINT_T1);
    }
  }
};

// sum[r] (16 lanes each) of four rows to y, n of them.
inline void store_sums(const __m512 sum[kMatvecRows], size_t n, float* y) noexcept {
  for (size_t r = 0; r < n; ++r) y[r] = _mm512_reduce_add_ps(sum[r]);
}

// Two groups of 32 columns, 64 apart, as the nibbles of 64 bytes of qs hold them.
inline __m512i act_pair(const int8_t* codes) noexcept {
  const __m512i low = _mm512_castsi256_si512(load32(codes));
  return _mm512_inserti64x4(low, load32(codes + 64), 1);
}

// Codes in the order of act_pair at columns 0, 32, 128, 160.
inline void pair_codes(const BlockQ4_K& b, __m512i q[4]) noexcept {
  const __m512i mask = _mm512_set1_epi8(15);
  for (int i = 0; i < 2; ++i) {
    const __m512i v = _mm512_loadu_si512(b.qs + 64 * i);
    q[2 * i] = _mm512_and_si512(v, mask);
    q[2 * i + 1] = _mm512_and_si512(_mm512_srli_epi16(v, 4), mask);
  }
}

inline void pair_codes(const BlockQ5_K& b, __m512i q[4]) noexcept {
  const __m512i mask = _mm512_set1_epi8(15), bit4 = _mm512_set1_epi8(16);
  const __m512i high = _mm512_broadcast_i64x4(load32(b.qh));
  // Multishift offsets that bring bit j of each byte to bit 4: 8 * byte + j - 4; j = 0 and, in the
  // upper half, 2.
  const __m512i first = _mm512_inserti64x4(_mm512_set1_epi64(0x746c645c544c443c),
                                           _mm256_set1_epi64x(0x766e665e564e463e), 1);
  for (int i = 0; i < 2; ++i) {
    const __m512i v = _mm512_loadu_si512(b.qs + 64 * i);
    const __m512i lo = _mm512_and_si512(v, mask);
    const __m512i hi = _mm512_and_si512(_mm512_srli_epi16(v, 4), mask);
    const __m512i at = _mm512_add_epi8(first, _mm512_set1_epi8(static_cast<char>(4 * i)));
    const __m512i next = _mm512_add_epi8(at, _mm512_set1_epi8(1));
    q[2 * i] = _mm512_ternarylogic_epi64(lo, _mm512_multishift_epi64_epi8(at, high), bit4, 0xf8);
    q[2 * i + 1] =
        _mm512_ternarylogic_epi64(hi, _mm512_multishift_epi64_epi8(next, high), bit4, 0xf8);
  }
}

// The 16-byte heads (d, dmin, scales) of four rows: 6-bit scales and minimums to bytes, scales in
// bytes 0 to 7 and minimums in bytes 8 to 15 of each row's 128 bits.
inline __m512i four_pairs(__m512i heads) noexcept {
  // Words of a head: d | dmin, a, b, c (six_bit_pairs).
  const __m512i ab = _mm512_shuffle_epi32(heads, static_cast<_MM_PERM_ENUM>(0xa5));  // a a b b
  const __m512i c = _mm512_shuffle_epi32(heads, static_cast<_MM_PERM_ENUM>(0xff));
  const __m512i ab_shift = _mm512_set4_epi32(2, 0, 2, 0), c_shift = _mm512_set4_epi32(4, 0, 0, 0);
  const __m512i ab_mask = _mm512_set4_epi32(0x30303030, 0x3f3f3f3f, 0x30303030, 0x3f3f3f3f);
  const __m512i c_mask = _mm512_set4_epi32(0x0f0f0f0f, 0, 0x0f0f0f0f, 0);
  const __m512i low = _mm512_and_si512(_mm512_srlv_epi32(ab, ab_shift), ab_mask);
  return _mm512_ternarylogic_epi64(low, _mm512_srlv_epi32(c, c_shift), c_mask, 0xf8);
}

struct PairAct {  // of 256 columns
  __m512i codes[4];
  __m512i sums;  // int16 sums of 32, in each 128 bits
  float scale;

  PairAct(const ActRow& x, size_t block) noexcept : scale(x.scales[block]) {
    const int8_t* a = x.codes + 256 * block;
    for (int i = 0; i < 4; ++i) codes[i] = act_pair(a + 128 * (i / 2) + 32 * (i % 2));
    const __m256i words = _mm256_cvtps_epi32(_mm256_loadu_ps(x.sums32 + 8 * block));
    sums = _mm512_broadcast_i32x4(_mm256_cvtepi32_epi16(words));
  }
};

// Adds block i of four rows.
template <class Block>
inline void add_pair_blocks(const FourRows<Block>& w, size_t i, const PairAct& x,
                            __m512 sum[kMatvecRows], __m512* min_sum) noexcept {
  w.prefetch(i, 1);
  __m512i heads = _mm512_castsi128_si512(load16(w.row[0] + i));
  heads = _mm512_inserti32x4(heads, load16(w.row[1] + i), 1);
  heads = _mm512_inserti32x4(heads, load16(w.row[2] + i), 2);
  heads = _mm512_inserti32x4(heads, load16(w.row[3] + i), 3);
  const __m512i pairs = four_pairs(heads);

  const __m512i first_words = _mm512_set_epi32(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12, 8, 4, 0);
  const __m128i halves = _mm512_castsi512_si128(_mm512_permutexvar_epi32(first_words, heads));
  const __m256 scales = _mm256_mul_ps(_mm256_cvtph_ps(halves), _mm256_set1_ps(x.scale));
  alignas(64) float d[8];  // d and dmin of the rows, times the activations' scale
  alignas(64) uint8_t bytes[64];
  _mm256_store_ps(d, scales);
  _mm512_store_si512(bytes, pairs);

  const __m512i to_mins =
      _mm512_set4_epi32(static_cast<int>(0x800f800e), static_cast<int>(0x800d800c),
                        static_cast<int>(0x800b800a), static_cast<int>(0x80098008));
  const __m512i mins = _mm512_shuffle_epi8(pairs, to_mins);
  const __m512i min_dot = _mm512_dpwssd_epi32(_mm512_setzero_si512(), mins, x.sums);
  const __m512i odd = _mm512_set_epi32(7, 7, 7, 7, 5, 5, 5, 5, 3, 3, 3, 3, 1, 1, 1, 1);
  const __m512 dmin = _mm512_permutexvar_ps(odd, _mm512_castps256_ps512(scales));
  *min_sum = _mm512_fmadd_ps(_mm512_cvtepi32_ps(min_dot), dmin, *min_sum);

  // Byte k of the scales as int16 in all of a group's places: groups k and, upper half, k + 2.
  const __m512i group0 = _mm512_inserti64x4(_mm512_set1_epi16(static_cast<short>(0x8000)),
                                            _mm256_set1_epi16(static_cast<short>(0x8002)), 1);
#pragma GCC unroll 4
  for (size_t r = 0; r < kMatvecRows; ++r) {
    __m512i q[4];
    pair_codes(w.row[r][i], q);
    const __m512i s = _mm512_broadcast_i32x4(load16(bytes + 16 * r));
    __m512i dot = _mm512_setzero_si512();
#pragma GCC unroll 4
    for (int k = 0; k < 4; ++k) {
      const __m512i select = _mm512_add_epi16(group0, _mm512_set1_epi16(4 * (k / 2) + k % 2));
      const __m512i products = _mm512_maddubs_epi16(q[k], x.codes[k]);
      dot = _mm512_dpwssd_epi32(dot, products, _mm512_shuffle_epi8(s, select));
    }
    sum[r] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot), broadcast(d + 2 * r), sum[r]);
  }
}

// Dot products of four rows, of which the first n are stored.
template <class Block>
inline void dot_four_rows(const FourRows<Block>& w, size_t n_cols, const ActRow& x, size_t n,
                          float* y) noexcept requires requires(const Block& b, __m512i* q) {
  pair_codes(b, q);
}
{
  __m512 sum[kMatvecRows], min_sum = _mm512_setzero_ps();
  for (__m512& s : sum) s = _mm512_setzero_ps();
  for (size_t i = 0; i < n_cols / 256; ++i) {
    add_pair_blocks(w, i, PairAct(x, i), sum, &min_sum);
  }
  for (size_t r = 0; r < kMatvecRows; ++r) {
    sum[r] = _mm512_mask_sub_ps(sum[r], static_cast<__mmask16>(15u << 4 * r), sum[r], min_sum);
  }
  store_sums(sum, n, y);
}

}  // namespace
}  // namespace lathe
