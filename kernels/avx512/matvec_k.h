// BlockReader (matvec_256.h) of the K-quants and TQ2_0.
#pragma once

#include "kernels/avx512/matvec_256.h"

namespace lathe {
namespace {

// d of the blocks alone.
template <class Block>
struct PlainHeads {
  __m128 d;

  explicit PlainHeads(FourBlocks<Block> b) noexcept : d(block_factors<Block>(b, &Block::d)) {}
};

// ---- Q4_K, Q5_K

// Groups 2 k and 2 k + 1: the low, then the high nibbles of 32 bytes.
inline __m512i nibbles_of_32(const uint8_t* qs) noexcept {
  const __m512i shift = _mm512_inserti64x4(_mm512_setzero_si512(), _mm256_set1_epi16(4), 1);
  const __m512i both = _mm512_broadcast_i64x4(load32(qs));
  return _mm512_and_si512(_mm512_srlv_epi16(both, shift), _mm512_set1_epi8(15));
}

// The 16-byte heads (d, dmin, scales) of four blocks: 6-bit scales and minimums to bytes, scales in
// bytes 0 to 7 and minimums in bytes 8 to 15 of each block's 128 bits.
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

template <class Block>
struct SixBitHeads {
  __m128 d, dmin;
  alignas(64) uint8_t pairs[64];

  explicit SixBitHeads(FourBlocks<Block> b) noexcept {
    __m512i heads = _mm512_castsi128_si512(load16(b[0]));
    heads = _mm512_inserti32x4(heads, load16(b[1]), 1);
    heads = _mm512_inserti32x4(heads, load16(b[2]), 2);
    heads = _mm512_inserti32x4(heads, load16(b[3]), 3);
    _mm512_store_si512(pairs, four_pairs(heads));
    // Word 0 of each head is d | dmin: the four d, then the four dmin.
    const __m512i firsts = _mm512_set_epi16(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  //
                                            0, 0, 0, 0, 0, 0, 0, 0, 25, 17, 9, 1, 24, 16, 8, 0);
    const __m512i halves = _mm512_permutexvar_epi16(firsts, heads);
    const __m256 floats = _mm256_cvtph_ps(_mm512_castsi512_si128(halves));
    d = _mm256_castps256_ps128(floats);
    dmin = _mm256_extractf128_ps(floats, 1);
  }

  void read(size_t j, Columns256& w) const noexcept {
    const __m512i s = _mm512_broadcast_i32x4(load16(pairs + 16 * j));
    for (int p = 0; p < 2; ++p) w.scales[p] = scales_of_bytes(s, p);
    // Each minimum for two sums of 16, as words.
    const __m256i twice = _mm256_set_epi64x(
        static_cast<long long>(0x800f800f800e800e), static_cast<long long>(0x800d800d800c800c),
        static_cast<long long>(0x800b800b800a800a), static_cast<long long>(0x8009800980088008));
    w.correction = _mm256_shuffle_epi8(_mm512_castsi512_si256(s), twice);
  }
};

struct SixBitReader {
  static constexpr Codes kCodes = Codes::kMinimums;
  static constexpr bool kScaled = true;
};

template <>
struct BlockReader<BlockQ4_K> : SixBitReader {
  using Heads = SixBitHeads<BlockQ4_K>;

  static void read(const BlockQ4_K& b, const Heads& heads, size_t j, Columns256& w) noexcept {
    for (int k = 0; k < 4; ++k) w.codes[k] = nibbles_of_32(b.qs + 32 * k);
    heads.read(j, w);
  }
};

template <>
struct BlockReader<BlockQ5_K> : SixBitReader {
  using Heads = SixBitHeads<BlockQ5_K>;

  static void read(const BlockQ5_K& b, const Heads& heads, size_t j, Columns256& w) noexcept {
    const __m512i high = _mm512_broadcast_i64x4(load32(b.qh)), bit4 = _mm512_set1_epi8(16);
    for (int k = 0; k < 4; ++k) {  // bits 2 k and 2 k + 1 to bit 4
      w.codes[k] = _mm512_ternarylogic_epi64(nibbles_of_32(b.qs + 32 * k),
                                             move_right(high, 2 * k - 4, 2 * k - 3), bit4, 0xf8);
    }
    heads.read(j, w);
  }
};

// ---- Q6_K, Q3_K, Q2_K: groups of 16

// Two bits of every byte, p = 0 and 1 (or, one more, 2 and 3): the pair of planes of 64 elements.
inline __m512i two_planes(const uint8_t* qs, int i) noexcept {
  const __m512i bytes = _mm512_broadcast_i64x4(load32(qs + 32 * (i / 2)));
  return move_right(bytes, 4 * (i % 2), 4 * (i % 2) + 2);
}

// Scales of 16 groups, and what takes back that codes are 1 << kShift too large.
template <int kShift>
inline void offset_scales(__m128i bytes, Columns256& w) noexcept {
  const __m256i words = _mm256_cvtepi8_epi16(bytes);
  for (int p = 0; p < 2; ++p) w.scales[p] = scales_of_16(words, p);
  w.correction = _mm256_sub_epi16(_mm256_setzero_si256(), _mm256_slli_epi16(words, kShift));
}

struct OffsetReader {
  static constexpr Codes kCodes = Codes::kOffset;
  static constexpr bool kScaled = true;
};

template <>
struct BlockReader<BlockQ6_K> : OffsetReader {
  using Heads = PlainHeads<BlockQ6_K>;

  static void read(const BlockQ6_K& b, const Heads&, size_t, Columns256& w) noexcept {
    q6_codes(b, w.codes);
    offset_scales<5>(load16(b.scales), w);
  }
};

template <>
struct BlockReader<BlockQ3_K> : OffsetReader {
  using Heads = PlainHeads<BlockQ3_K>;

  static void read(const BlockQ3_K& b, const Heads&, size_t, Columns256& w) noexcept {
    const __m512i high = _mm512_broadcast_i64x4(load32(b.hmask));
    const __m512i low2 = _mm512_set1_epi8(3), bit2 = _mm512_set1_epi8(4);
    for (int i = 0; i < 4; ++i) {  // bits 2 i and 2 i + 1 of hmask to bit 2
      const __m512i low = _mm512_and_si512(two_planes(b.qs, i), low2);
      w.codes[i] =
          _mm512_ternarylogic_epi64(low, move_right(high, 2 * i - 2, 2 * i - 1), bit2, 0xf8);
    }
    offset_scales<2>(q3_scales(b.scales), w);
  }
};

struct Q2Heads {
  __m128 d, dmin;

  explicit Q2Heads(FourBlocks<BlockQ2_K> b) noexcept
      : d(block_factors<BlockQ2_K>(b, &BlockQ2_K::d)),
        dmin(block_factors<BlockQ2_K>(b, &BlockQ2_K::dmin)) {}
};

template <>
struct BlockReader<BlockQ2_K> {
  static constexpr Codes kCodes = Codes::kMinimums;
  static constexpr bool kScaled = true;
  using Heads = Q2Heads;

  static void read(const BlockQ2_K& b, const Heads&, size_t, Columns256& w) noexcept {
    for (int i = 0; i < 4; ++i) {
      w.codes[i] = _mm512_and_si512(two_planes(b.qs, i), _mm512_set1_epi8(3));
    }
    const __m256i words = _mm256_cvtepu8_epi16(load16(b.scales));
    const __m256i scales = _mm256_and_si256(words, _mm256_set1_epi16(15));
    for (int p = 0; p < 2; ++p) w.scales[p] = scales_of_16(scales, p);
    w.correction = _mm256_srli_epi16(words, 4);
  }
};

// ---- TQ2_0: digits, less one

template <>
struct BlockReader<BlockTQ2_0> {
  static constexpr Codes kCodes = Codes::kOffset;
  static constexpr bool kScaled = false;
  using Heads = PlainHeads<BlockTQ2_0>;

  static void read(const BlockTQ2_0& b, const Heads&, size_t, Columns256& w) noexcept {
    for (int i = 0; i < 4; ++i) {
      w.codes[i] = _mm512_and_si512(two_planes(b.qs, i), _mm512_set1_epi8(3));
    }
    w.correction = _mm256_set1_epi16(-1);
  }
};

}  // namespace
}  // namespace lathe
