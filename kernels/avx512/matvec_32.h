// Q8_0, Q4_0 and IQ4_NL times one token, on the blocks as they lie: 8 blocks (256 columns) of four
// rows at a time. Codes get an offset to become unsigned; the accumulators start from what takes it
// back, lane by lane and once for all rows, so that sums do not cancel.
#pragma once

#include "kernels/avx512/matvec_k.h"

namespace lathe {
namespace {

// d of 8 blocks.
template <class Block>
inline __m256 block_scales(const Block* b) noexcept {
  __m128i d = _mm_cvtsi32_si128(b[0].d);
  d = _mm_insert_epi16(d, b[1].d, 1);
  d = _mm_insert_epi16(d, b[2].d, 2);
  d = _mm_insert_epi16(d, b[3].d, 3);
  d = _mm_insert_epi16(d, b[4].d, 4);
  d = _mm_insert_epi16(d, b[5].d, 5);
  d = _mm_insert_epi16(d, b[6].d, 6);
  return _mm256_cvtph_ps(_mm_insert_epi16(d, b[7].d, 7));
}

// Lane to block, for vectors of two or four blocks.
template <size_t kBlocks>
inline __m512i block_of_lane() noexcept {
  if constexpr (kBlocks == 2)
    return _mm512_set_epi32(1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  return _mm512_set_epi32(3, 3, 3, 3, 2, 2, 2, 2, 1, 1, 1, 1, 0, 0, 0, 0);
}

inline __m512i minus_dot(int offset, __m512i a) noexcept {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i u = _mm512_set1_epi8(static_cast<char>(offset));
  return _mm512_sub_epi32(zero, _mm512_dpbusd_epi32(zero, u, a));
}

// 64 columns: two blocks of Q8_0, a half each.
struct ActQ8_0 {
  static constexpr size_t kColumns = 64;
  __m512i codes, start;

  explicit ActQ8_0(const int8_t* a) noexcept
      : codes(_mm512_loadu_si512(a)), start(minus_dot(128, codes)) {}

  __m512i dot(const BlockQ8_0* b) const noexcept {
    const __m512i q =
        _mm512_inserti64x4(_mm512_castsi256_si512(load32(b[0].qs)), load32(b[1].qs), 1);
    const __m512i flip = _mm512_set1_epi8(static_cast<char>(128));
    return _mm512_dpbusd_epi32(start, _mm512_xor_si512(q, flip), codes);
  }
};

// 128 columns: four blocks of nibbles, a 128-bit lane each.
struct ActNibbles {
  static constexpr size_t kColumns = 128;
  __m512i low, high, start;

  ActNibbles(const int8_t* a, int offset) noexcept {
    const __m512i x = _mm512_loadu_si512(a), y = _mm512_loadu_si512(a + 64);
    low = _mm512_permutex2var_epi64(x, _mm512_set_epi64(13, 12, 9, 8, 5, 4, 1, 0), y);
    high = _mm512_permutex2var_epi64(x, _mm512_set_epi64(15, 14, 11, 10, 7, 6, 3, 2), y);
    start = _mm512_add_epi32(minus_dot(offset, low), minus_dot(offset, high));
  }

  __m512i dot_codes(__m512i lo, __m512i hi) const noexcept {
    return _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(start, lo, low), hi, high);
  }
};

template <class Block>
inline __m512i nibble_bytes(const Block* b) noexcept {
  __m512i q = _mm512_castsi128_si512(load16(b[0].qs));
  q = _mm512_inserti32x4(q, load16(b[1].qs), 1);
  q = _mm512_inserti32x4(q, load16(b[2].qs), 2);
  return _mm512_inserti32x4(q, load16(b[3].qs), 3);
}

struct ActQ4_0 : ActNibbles {
  explicit ActQ4_0(const int8_t* a) noexcept : ActNibbles(a, 8) {}

  __m512i dot(const BlockQ4_0* b) const noexcept {
    const __m512i q = nibble_bytes(b), mask = _mm512_set1_epi8(15);
    return dot_codes(_mm512_and_si512(q, mask), _mm512_and_si512(_mm512_srli_epi16(q, 4), mask));
  }
};

// Looks up 64 bytes of two nibbles each in the code book of IQ4, offset by 128.
struct ActIQ4 : ActNibbles {
  explicit ActIQ4(const int8_t* a) noexcept : ActNibbles(a, 128) {}

  __m512i dot_bytes(__m512i q) const noexcept {
    const __m512i mask = _mm512_set1_epi8(15);
    const __m128i values = _mm_xor_si128(load16(kIq4Values), _mm_set1_epi8(static_cast<char>(128)));
    const __m512i table = _mm512_broadcast_i32x4(values);
    const __m512i lo = _mm512_shuffle_epi8(table, _mm512_and_si512(q, mask));
    const __m512i hi = _mm512_and_si512(_mm512_srli_epi16(q, 4), mask);
    return dot_codes(lo, _mm512_shuffle_epi8(table, hi));
  }
  __m512i dot(const BlockIQ4_NL* b) const noexcept { return dot_bytes(nibble_bytes(b)); }
};

template <class Block>
struct ActOf;
template <>
struct ActOf<BlockQ8_0> {
  using Type = ActQ8_0;
};
template <>
struct ActOf<BlockQ4_0> {
  using Type = ActQ4_0;
};
template <>
struct ActOf<BlockIQ4_NL> {
  using Type = ActIQ4;
};

// Adds 8 blocks from block i on.
template <class Block>
inline void add_eight_blocks(const FourRows<Block>& w, size_t i, const ActRow& x,
                             __m512 sum[kMatvecRows]) noexcept {
  using Act = typename ActOf<Block>::Type;
  constexpr size_t kBlocks = Act::kColumns / 32;  // of a vector
  w.prefetch(i, 8);
  const __m512i lane_block = block_of_lane<kBlocks>();
  const __m256 act_scales = _mm256_loadu_ps(x.scales + i);
  __m512 scales[kMatvecRows];
#pragma GCC unroll 4
  for (size_t r = 0; r < kMatvecRows; ++r) {
    const __m256 d = _mm256_mul_ps(block_scales(w.row[r] + i), act_scales);
    scales[r] = _mm512_castps256_ps512(d);
  }
#pragma GCC unroll 4
  for (size_t k = 0; k < 8; k += kBlocks) {
    const Act a(x.codes + 32 * (i + k));
    const __m512i select = _mm512_add_epi32(lane_block, _mm512_set1_epi32(static_cast<int>(k)));
#pragma GCC unroll 4
    for (size_t r = 0; r < kMatvecRows; ++r) {
      const __m512 dot = _mm512_cvtepi32_ps(a.dot(w.row[r] + i + k));
      sum[r] = _mm512_fmadd_ps(dot, _mm512_permutexvar_ps(select, scales[r]), sum[r]);
    }
  }
}

// A last block of a row, on its own.
template <class Block>
inline __m512 add_one_block(const Block& b, const ActRow& x, size_t i, __m512 sum) noexcept {
  alignas(32) int8_t codes[32];
  float scale;
  unpack_block(b, codes, &scale, nullptr);
  const __m256i q = load32(codes), a = load32(x.codes + 32 * i), zero = _mm256_setzero_si256();
  const __m256i signed_a = _mm256_mask_sub_epi8(a, _mm256_movepi8_mask(q), zero, a);
  const __m256i dot = _mm256_dpbusd_epi32(zero, _mm256_abs_epi8(q), signed_a);
  const __m512 wide = _mm512_zextps256_ps512(_mm256_cvtepi32_ps(dot));
  return _mm512_fmadd_ps(wide, _mm512_set1_ps(scale * x.scales[i]), sum);
}

template <class Block>
inline void dot_four_rows(const FourRows<Block>& w, size_t n_cols, const ActRow& x, size_t n,
                          float* y) noexcept requires(sizeof(typename ActOf<Block>::Type) > 0) {
  __m512 sum[kMatvecRows];
  for (__m512& s : sum) s = _mm512_setzero_ps();
  const size_t blocks = n_cols / 32;
  size_t i = 0;
  for (; i + 8 <= blocks; i += 8) add_eight_blocks(w, i, x, sum);
  for (; i < blocks; ++i) {
    for (size_t r = 0; r < kMatvecRows; ++r) sum[r] = add_one_block(w.row[r][i], x, i, sum[r]);
  }
  store_sums(sum, n, y);
}

// IQ4_XS: groups as in IQ4_NL, eight in a block with one more level of scales.
inline void dot_four_rows(const FourRows<BlockIQ4_XS>& w, size_t n_cols, const ActRow& x, size_t n,
                          float* y) noexcept {
  const __m512i lane_group = block_of_lane<4>();
  __m512 sum[kMatvecRows];
  for (__m512& s : sum) s = _mm512_setzero_ps();
  for (size_t i = 0; i < n_cols / 256; ++i) {
    w.prefetch(i, 1);
    const ActIQ4 a0(x.codes + 256 * i), a1(x.codes + 256 * i + 128);
#pragma GCC unroll 4
    for (size_t r = 0; r < kMatvecRows; ++r) {
      const BlockIQ4_XS& b = w.row[r][i];
      const __m128i bytes = _mm_cvtsi64_si128(static_cast<long long>(iq4_xs_scales(b)));
      const __m256i words = _mm256_sub_epi32(_mm256_cvtepu8_epi32(bytes), _mm256_set1_epi32(32));
      const __m256 d = _mm256_set1_ps(half_to_float(b.d) * x.scales[i]);
      const __m512 s = _mm512_castps256_ps512(_mm256_mul_ps(_mm256_cvtepi32_ps(words), d));
      const __m512 dot0 = _mm512_cvtepi32_ps(a0.dot_bytes(_mm512_loadu_si512(b.qs)));
      const __m512 dot1 = _mm512_cvtepi32_ps(a1.dot_bytes(_mm512_loadu_si512(b.qs + 64)));
      const __m512i upper = _mm512_add_epi32(lane_group, _mm512_set1_epi32(4));
      sum[r] = _mm512_fmadd_ps(dot0, _mm512_permutexvar_ps(lane_group, s), sum[r]);
      sum[r] = _mm512_fmadd_ps(dot1, _mm512_permutexvar_ps(upper, s), sum[r]);
    }
  }
  store_sums(sum, n, y);
}

}  // namespace
}  // namespace lathe
