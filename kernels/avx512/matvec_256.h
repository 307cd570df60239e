// Super-blocks of 256 columns times few tokens, on the blocks as they lie.
//
// All of a block is exact in integers: vpdpbusd multiplies four unsigned codes and activations in a
// lane, two vectors of that are packed to int16 (4 * 63 * 127 fits), and vpdpwssd multiplies them
// with the scales of their groups. So a block costs one conversion to float a token. What makes
// signed codes unsigned is taken back exactly too: by their signs on the activations, or by an
// offset that meets the sums of 16 activations.
#pragma once

#include "kernels/avx512/matvec.h"
#include "kernels/avx512/unpack_k.h"

namespace lathe {
namespace {

enum class Codes { kSigns, kOffset, kMinimums };

// A block in registers.
struct Columns256 {
  __m512i codes[4];    // unsigned bytes, 64 columns each
  __mmask64 minus[4];  // kSigns: where codes are negative
  __m512i scales[2];   // int16, of packed pairs of slices: the scale of each four columns' group
  __m256i correction;  // kOffset: -scale * offset, kMinimums: minimum; int16, of 16 columns each
};

// BlockReader<Block>: how a format's blocks come into registers.
//   kCodes          what kind of codes they are
//   kScaled         false: all groups have the scale 1
//   Heads           what is worked out for the four blocks of a tile at once: `d`, and `dmin` with
//                   minimums, as four floats
//   read(b, heads, j, columns)   block j of those
template <class Block>
struct BlockReader;

template <class Block>
using FourBlocks = const Block* const (&)[4];

// A field of four blocks as floats.
template <class Block>
inline __m128 block_factors(FourBlocks<Block> b, uint16_t Block::*d) noexcept {
  __m128i halves = _mm_cvtsi32_si128(b[0]->*d);
  halves = _mm_insert_epi16(halves, b[1]->*d, 1);
  halves = _mm_insert_epi16(halves, b[2]->*d, 2);
  return _mm_cvtph_ps(_mm_insert_epi16(halves, b[3]->*d, 3));
}

// ---- scales of packed slices 2 p and 2 p + 1: in each 128 bits four of one, then four of the
// other

// Of groups of 32: eight unsigned bytes, in each 128 bits.
inline __m512i scales_of_bytes(__m512i bytes, int p) noexcept {
  const auto word = [](uint64_t w) { return static_cast<long long>(w * 0x0001000100010001); };
  const __m512i first = _mm512_set_epi64(word(0x8003), word(0x8001), word(0x8003), word(0x8001),  //
                                         word(0x8002), word(0x8000), word(0x8002), word(0x8000));
  return _mm512_shuffle_epi8(bytes,
                             _mm512_add_epi16(first, _mm512_set1_epi16(static_cast<short>(4 * p))));
}

// Of groups of 16: sixteen words.
inline __m512i scales_of_16(__m256i words, int p) noexcept {
  const __m512i first = _mm512_set_epi16(7, 7, 7, 7, 3, 3, 3, 3, 6, 6, 6, 6, 2, 2, 2, 2,  //
                                         5, 5, 5, 5, 1, 1, 1, 1, 4, 4, 4, 4, 0, 0, 0, 0);
  return _mm512_permutexvar_epi16(
      _mm512_add_epi16(first, _mm512_set1_epi16(static_cast<short>(8 * p))),
      _mm512_castsi256_si512(words));
}

// ---- the product

// Adds the products of slice k, 64 columns.
template <Codes C>
inline __m512i dot_slice(const Columns256& w, size_t k, const int8_t* act, __m512i dot) noexcept {
  __m512i a = _mm512_loadu_si512(act + 64 * k);
  if constexpr (C == Codes::kSigns) {
    a = _mm512_mask_sub_epi8(a, w.minus[k], _mm512_setzero_si512(), a);
  }
  return _mm512_dpbusd_epi32(dot, w.codes[k], a);
}

// scale * code * activation, summed: exact in int32.
template <class Block>
inline __m512i dot_columns(const Columns256& w, const Tokens& x, size_t t, size_t column) noexcept {
  using Reader = BlockReader<Block>;
  __m512i dot = _mm512_setzero_si512();
  if constexpr (Reader::kCodes == Codes::kOffset) {
    dot = _mm512_zextsi256_si512(
        _mm256_dpwssd_epi32(_mm256_setzero_si256(), w.correction, x.words16(t, column)));
  }
#pragma GCC unroll 2
  for (size_t p = 0; p < 2; ++p) {
    const __m512i start = Reader::kScaled ? _mm512_setzero_si512() : dot;
    const __m512i low = dot_slice<Reader::kCodes>(w, 2 * p, x.codes(t, column), start);
    if constexpr (Reader::kScaled) {
      const __m512i high = dot_slice<Reader::kCodes>(w, 2 * p + 1, x.codes(t, column), start);
      dot = _mm512_dpwssd_epi32(dot, _mm512_packs_epi32(low, high), w.scales[p]);
    } else {
      dot = dot_slice<Reader::kCodes>(w, 2 * p + 1, x.codes(t, column), low);
    }
  }
  return dot;
}

template <class Block, size_t R, size_t T>
struct BlockSums {
  __m512 sum[R][T];
  __m256 mins[R][T];

  BlockSums() noexcept {
    for (size_t r = 0; r < R; ++r) {
      for (size_t t = 0; t < T; ++t)
        sum[r][t] = _mm512_setzero_ps(), mins[r][t] = _mm256_setzero_ps();
    }
  }

  // The first N blocks of a tile: block i of R rows, or, with one row, block i and what follows it.
  template <size_t N>
  [[gnu::always_inline]] void add(FourBlocks<Block> b, size_t i, const Tokens& x) noexcept {
    using Reader = BlockReader<Block>;
    const typename Reader::Heads heads(b);
    alignas(16) float d[T][4], dmin[T][4];  // times the activations' scales
#pragma GCC unroll 8
    for (size_t t = 0; t < T; ++t) {
      const float* scales = x.scales(t) + i;
      const __m128 a = R == 1 && N == 4 ? _mm_loadu_ps(scales) : _mm_set1_ps(*scales);
      _mm_store_ps(d[t], _mm_mul_ps(heads.d, a));
      if constexpr (kHasMin) _mm_store_ps(dmin[t], _mm_mul_ps(heads.dmin, a));
    }
#pragma GCC unroll 4
    for (size_t j = 0; j < N; ++j) {
      const size_t row = R == 1 ? 0 : j, column = 256 * (R == 1 ? i + j : i);
      Columns256 w;
      Reader::read(*b[j], heads, j, w);
#pragma GCC unroll 8
      for (size_t t = 0; t < T; ++t) add_block(w, x, t, column, d[t] + j, dmin[t] + j, row);
    }
  }

  void store(size_t n_rows, const Results& out) noexcept {
    if constexpr (kHasMin) {
      for (size_t r = 0; r < R; ++r) {
        for (size_t t = 0; t < T; ++t) {
          sum[r][t] = _mm512_add_ps(sum[r][t], _mm512_zextps256_ps512(mins[r][t]));
        }
      }
    }
    store_sums<R, T>(sum, n_rows, out);
  }

 private:
  static constexpr bool kHasMin = BlockReader<Block>::kCodes == Codes::kMinimums;

  [[gnu::always_inline]] void add_block(const Columns256& w, const Tokens& x, size_t t,
                                        size_t column, const float* d, const float* dmin,
                                        size_t row) noexcept {
    const __m512 dot = _mm512_cvtepi32_ps(dot_columns<Block>(w, x, t, column));
    sum[row][t] = _mm512_fmadd_ps(dot, broadcast(d), sum[row][t]);
    if constexpr (kHasMin) {
      const __m256i min_dot =
          _mm256_dpwssd_epi32(_mm256_setzero_si256(), w.correction, x.words16(t, column));
      mins[row][t] =
          _mm256_fnmadd_ps(_mm256_cvtepi32_ps(min_dot), _mm256_set1_ps(*dmin), mins[row][t]);
    }
  }
};

template <Format F>
struct SuperBlockDot {
  using Block = typename BlockOf<F>::Type;

  template <size_t T>
  static void dot(const Rows& rows, size_t n_cols, const Tokens& x, const Results& out) noexcept {
    constexpr size_t kRows = kTileRows<T>;
    BlockSums<Block, kRows, T> sums;
    const size_t n = n_cols / 256;
    size_t i = 0;
    if constexpr (kRows == 4) {
      const Block* row[4];
      for (size_t r = 0; r < 4; ++r) row[r] = rows.blocks<Block>(r, 0);
      for (; i < n; ++i) {
        rows.prefetch<4>(i * sizeof(Block), sizeof(Block));
        sums.template add<4>({row[0] + i, row[1] + i, row[2] + i, row[3] + i}, i, x);
      }
    } else {
      const Block* b = rows.blocks<Block>(0, 0);
      for (; i + 4 <= n; i += 4) {
        rows.prefetch<1>(i * sizeof(Block), 4 * sizeof(Block));
        sums.template add<4>({b + i, b + i + 1, b + i + 2, b + i + 3}, i, x);
      }
      for (; i < n; ++i) sums.template add<1>({b + i, b + i, b + i, b + i}, i, x);
    }
    sums.store(rows.n_valid, out);
  }
};

}  // namespace
}  // namespace lathe
