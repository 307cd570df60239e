// Formats with activation scales per 32 columns times few tokens, on the blocks as they lie:
// 256 columns of a row at a time. Dot products of four columns are exact (vpdpbusd); the scales of
// their groups follow from those of weights and activations, two vectors of them for 256 columns.
#pragma once

#include "kernels/avx512/matvec_unpacked.h"

namespace lathe {
namespace {

// A slice is what one vector of dot products holds: 64 columns in order (PlainSlice), or 128
// columns of four groups in nibble order (NibbleSlice), low halves of 16 in one vector, high halves
// in another, as blocks hold them: half the conversions and products with scales.
struct PlainSlice {
  static constexpr size_t kColumns = 64, kParts = 1;
  __m512i part[1];

  static PlainSlice of_activations(const int8_t* a) noexcept { return {{_mm512_loadu_si512(a)}}; }
};

struct NibbleSlice {
  static constexpr size_t kColumns = 128, kParts = 2;
  __m512i part[2];

  static NibbleSlice of_activations(const int8_t* a) noexcept {
    const __m512i x = _mm512_loadu_si512(a), y = _mm512_loadu_si512(a + 64);
    return {{_mm512_permutex2var_epi64(x, _mm512_set_epi64(13, 12, 9, 8, 5, 4, 1, 0), y),
             _mm512_permutex2var_epi64(x, _mm512_set_epi64(15, 14, 11, 10, 7, 6, 3, 2), y)}};
  }
  // Both nibbles of 64 bytes.
  static NibbleSlice of_bytes(__m512i q) noexcept {
    const __m512i mask = _mm512_set1_epi8(15);
    return {{_mm512_and_si512(q, mask), _mm512_and_si512(_mm512_srli_epi16(q, 4), mask)}};
  }
  template <class Block>
  static NibbleSlice of_blocks(const Block* b) noexcept {
    __m512i q = _mm512_castsi128_si512(load16(b[0].qs));
    q = _mm512_inserti32x4(q, load16(b[1].qs), 1);
    q = _mm512_inserti32x4(q, load16(b[2].qs), 2);
    return of_bytes(_mm512_inserti32x4(q, load16(b[3].qs), 3));
  }
};

// SmallBlockReader<F>: how a format's blocks come into registers; `b` is the first of 256 columns.
//   Slice                PlainSlice or NibbleSlice
//   kBias                what makes its codes unsigned when added
//   codes<kAdd>(b, k)    slice k: signed codes plus kAdd (0 or kBias), as bytes
//   scales(b)            of the groups of 256 columns, group g in lane g
//   mins(b)              likewise, of formats that have them
template <Format F>
struct SmallBlockReader;

// A field of 8 blocks as floats.
template <class Block>
inline __m256 eight_halves(const Block* b, uint16_t Block::*d) noexcept {
  __m128i h = _mm_cvtsi32_si128(b[0].*d);
  h = _mm_insert_epi16(h, b[1].*d, 1);
  h = _mm_insert_epi16(h, b[2].*d, 2);
  h = _mm_insert_epi16(h, b[3].*d, 3);
  h = _mm_insert_epi16(h, b[4].*d, 4);
  h = _mm_insert_epi16(h, b[5].*d, 5);
  h = _mm_insert_epi16(h, b[6].*d, 6);
  return _mm256_cvtph_ps(_mm_insert_epi16(h, b[7].*d, 7));
}

template <class Block>
struct EightScales {
  static __m512 scales(const Block* b) noexcept {
    return _mm512_castps256_ps512(eight_halves(b, &Block::d));
  }
};

template <class Block>
struct EightMins : EightScales<Block> {
  static __m256 mins(const Block* b) noexcept { return eight_halves(b, &Block::m); }
};

inline __m512i bytes_of(int x) noexcept { return _mm512_set1_epi8(static_cast<char>(x)); }

template <>
struct SmallBlockReader<Format::Q8_0> : EightScales<BlockQ8_0> {
  using Slice = PlainSlice;
  static constexpr int kBias = 128;

  template <int kAdd>
  static Slice codes(const BlockQ8_0* b, size_t k) noexcept {
    const __m512i low = _mm512_castsi256_si512(load32(b[2 * k].qs));
    const __m512i q = _mm512_inserti64x4(low, load32(b[2 * k + 1].qs), 1);
    return {{_mm512_xor_si512(q, bytes_of(kAdd))}};
  }
};

// Nibbles that stand for values of a table.
template <int kAdd, class Slice>
inline Slice look_up(const int8_t* values, Slice nibbles) noexcept {
  const __m128i biased = _mm_xor_si128(load16(values), _mm_set1_epi8(static_cast<char>(kAdd)));
  for (__m512i& q : nibbles.part) q = _mm512_shuffle_epi8(_mm512_broadcast_i32x4(biased), q);
  return nibbles;
}

alignas(16) constexpr int8_t kMinusEight[16] = {-8, -7, -6, -5, -4, -3, -2, -1,
                                                0,  1,  2,  3,  4,  5,  6,  7};

template <>
struct SmallBlockReader<Format::Q4_0> : EightScales<BlockQ4_0> {
  using Slice = NibbleSlice;
  static constexpr int kBias = 8;

  template <int kAdd>
  static Slice codes(const BlockQ4_0* b, size_t k) noexcept {
    const Slice nibbles = Slice::of_blocks(b + 4 * k);
    return kAdd == kBias ? nibbles : look_up<0>(kMinusEight, nibbles);
  }
};

template <>
struct SmallBlockReader<Format::IQ4_NL> : EightScales<BlockIQ4_NL> {
  using Slice = NibbleSlice;
  static constexpr int kBias = 128;

  template <int kAdd>
  static Slice codes(const BlockIQ4_NL* b, size_t k) noexcept {
    return look_up<kAdd>(kIq4Values, Slice::of_blocks(b + 4 * k));
  }
};

template <>
struct SmallBlockReader<Format::IQ4_XS> {
  using Slice = NibbleSlice;
  static constexpr int kBias = 128;

  template <int kAdd>
  static Slice codes(const BlockIQ4_XS* b, size_t k) noexcept {
    return look_up<kAdd>(kIq4Values, Slice::of_bytes(_mm512_loadu_si512(b->qs + 64 * k)));
  }
  static __m512 scales(const BlockIQ4_XS* b) noexcept {
    const __m128i bytes = _mm_cvtsi64_si128(static_cast<long long>(iq4_xs_scales(*b)));
    const __m256i words = _mm256_sub_epi32(_mm256_cvtepu8_epi32(bytes), _mm256_set1_epi32(32));
    const __m256 d = _mm256_set1_ps(half_to_float(b->d));
    return _mm512_castps256_ps512(_mm256_mul_ps(_mm256_cvtepi32_ps(words), d));
  }
};

template <>
struct SmallBlockReader<Format::MXFP4> {
  using Slice = NibbleSlice;
  static constexpr int kBias = 128;

  template <int kAdd>
  static Slice codes(const BlockMXFP4* b, size_t k) noexcept {
    return look_up<kAdd>(kFp4Values, Slice::of_blocks(b + 4 * k));
  }
  // 2^(e - 128); the two smallest are subnormal.
  static __m512 scales(const BlockMXFP4* b) noexcept {
    uint64_t bytes = 0;
    for (size_t i = 0; i < 8; ++i) bytes |= static_cast<uint64_t>(b[i].e) << 8 * i;
    const __m256i e = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(static_cast<long long>(bytes)));
    const __m256i normal = _mm256_slli_epi32(_mm256_sub_epi32(e, _mm256_set1_epi32(1)), 23);
    const __m256i subnormal = _mm256_sllv_epi32(_mm256_set1_epi32(0x00200000), e);
    const __mmask8 small = _mm256_cmplt_epu32_mask(e, _mm256_set1_epi32(2));
    const __m256i bits = _mm256_mask_mov_epi32(normal, small, subnormal);
    return _mm512_castps256_ps512(_mm256_castsi256_ps(bits));
  }
};

// Nibbles plus `base`, and 16 more where the fifth bits are set.
template <class Block>
inline NibbleSlice five_bits(const Block* b, int base) noexcept {
  NibbleSlice q = NibbleSlice::of_blocks(b);
  uint64_t low = 0, high = 0;
  for (int i = 0; i < 4; ++i) {
    low |= static_cast<uint64_t>(load_as<uint16_t>(b[i].qh)) << 16 * i;
    high |= static_cast<uint64_t>(load_as<uint16_t>(b[i].qh + 2)) << 16 * i;
  }
  const __mmask64 set[2] = {low, high};
  for (int i = 0; i < 2; ++i) {
    const __m512i x = _mm512_add_epi8(q.part[i], bytes_of(base));
    q.part[i] = _mm512_mask_add_epi8(x, set[i], x, bytes_of(16));
  }
  return q;
}

template <>
struct SmallBlockReader<Format::Q5_0> : EightScales<BlockQ5_0> {
  using Slice = NibbleSlice;
  static constexpr int kBias = 16;

  template <int kAdd>
  static Slice codes(const BlockQ5_0* b, size_t k) noexcept {
    return five_bits(b + 4 * k, kAdd - 16);
  }
};

template <>
struct SmallBlockReader<Format::Q4_1> : EightMins<BlockQ4_1> {
  using Slice = NibbleSlice;
  static constexpr int kBias = 0;

  template <int>
  static Slice codes(const BlockQ4_1* b, size_t k) noexcept {
    return Slice::of_blocks(b + 4 * k);
  }
};

template <>
struct SmallBlockReader<Format::Q5_1> : EightMins<BlockQ5_1> {
  using Slice = NibbleSlice;
  static constexpr int kBias = 0;

  template <int>
  static Slice codes(const BlockQ5_1* b, size_t k) noexcept {
    return five_bits(b + 4 * k, 0);
  }
};

// Four blocks of 64 columns, with four scales each.
template <>
struct SmallBlockReader<Format::NVFP4> {
  using Slice = PlainSlice;
  static constexpr int kBias = 128;

  template <int kAdd>
  static Slice codes(const BlockNVFP4* b, size_t k) noexcept {
    // Eight bytes a sub-block: their low nibbles, then their high ones.
    const __m512i twice = _mm512_permutexvar_epi64(_mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0),
                                                   _mm512_castsi256_si512(load32(b[k].qs)));
    const __m512i shift = _mm512_set4_epi64(0x0004000400040004, 0, 0x0004000400040004, 0);
    const __m512i q = _mm512_and_si512(_mm512_srlv_epi16(twice, shift), bytes_of(15));
    return look_up<kAdd>(kFp4Values, Slice{{q}});
  }
  // Half of unsigned E4M3 numbers; 0x7f stands for 0.
  static __m512 scales(const BlockNVFP4* b) noexcept {
    const __m512i bytes =
        _mm512_cvtepu8_epi32(_mm_set_epi32(load_as<int32_t>(b[3].d), load_as<int32_t>(b[2].d),
                                           load_as<int32_t>(b[1].d), load_as<int32_t>(b[0].d)));
    const __m512i x = _mm512_and_si512(bytes, _mm512_set1_epi32(0x7f));
    const __m512i normal =
        _mm512_add_epi32(_mm512_slli_epi32(x, 20), _mm512_set1_epi32((127 - 8) << 23));
    const __m512 subnormal = _mm512_mul_ps(_mm512_cvtepi32_ps(x), _mm512_set1_ps(0x1p-10f));
    const __mmask16 small = _mm512_cmplt_epu32_mask(x, _mm512_set1_epi32(8));
    const __mmask16 valid = _mm512_cmpneq_epu32_mask(bytes, _mm512_set1_epi32(0x7f));
    return _mm512_maskz_mov_ps(valid,
                               _mm512_mask_mov_ps(_mm512_castsi512_ps(normal), small, subnormal));
  }
};

// Exact dot products of codes and activations, four columns of each part in a lane. vpdpbusd wants
// codes unsigned. Where rows share a token, an offset makes them so, and the accumulator
// starts from what takes it back; where tokens share a row, signs move to the activations.
enum class DotKind { kUnsigned, kOffset, kSigns };

template <DotKind K, class Slice, int kBias>
struct SliceDot {
  Slice codes;
  __mmask64 minus[Slice::kParts];

  explicit SliceDot(const Slice& q) noexcept : codes(q) {
    if constexpr (K != DotKind::kSigns) return;
    for (size_t i = 0; i < Slice::kParts; ++i) {
      minus[i] = _mm512_movepi8_mask(q.part[i]);
      codes.part[i] = _mm512_abs_epi8(q.part[i]);
    }
  }

  // What the accumulator starts from, the same for all rows.
  static __m512i start(const Slice& a) noexcept {
    const __m512i zero = _mm512_setzero_si512();
    if constexpr (K != DotKind::kOffset) return zero;
    __m512i sum = zero;
    for (const __m512i x : a.part) sum = _mm512_dpbusd_epi32(sum, bytes_of(kBias), x);
    return _mm512_sub_epi32(zero, sum);
  }

  __m512i operator()(const Slice& a, __m512i dot) const noexcept {
    for (size_t i = 0; i < Slice::kParts; ++i) {
      __m512i x = a.part[i];
      if constexpr (K == DotKind::kSigns) {
        x = _mm512_mask_sub_epi8(x, minus[i], _mm512_setzero_si512(), x);
      }
      dot = _mm512_dpbusd_epi32(dot, codes.part[i], x);
    }
    return dot;
  }
};

// Lane to group: slice k, groups of `group` columns.
template <class Slice>
inline __m512i lane_groups(size_t k, size_t group) noexcept {
  return Slice::kParts == 1 ? group_of_lane(k, group) : group_of_lane(k, 16);
}

template <Format F, size_t R, size_t T>
struct SmallBlockSums {
  using Block = typename BlockOf<F>::Type;
  using Reader = SmallBlockReader<F>;
  static constexpr FormatInfo kInfo = format_info(F);
  static constexpr DotKind kKind = kInfo.has_min ? DotKind::kUnsigned
                                   : R > T       ? DotKind::kOffset
                                                 : DotKind::kSigns;
  using Slice = typename Reader::Slice;
  using Dot = SliceDot<kKind, Slice, Reader::kBias>;
  static constexpr int kAdd = kKind == DotKind::kOffset ? Reader::kBias : 0;

  __m512 sum[R][T];
  __m256 mins[R][T];

  SmallBlockSums() noexcept {
    for (size_t r = 0; r < R; ++r) {
      for (size_t t = 0; t < T; ++t)
        sum[r][t] = _mm512_setzero_ps(), mins[r][t] = _mm256_setzero_ps();
    }
  }

  // 256 columns from column c on; b[r] is row r's block there.
  [[gnu::always_inline]] void add(const Block* const (&b)[R], size_t c, const Tokens& x) noexcept {
    __m512 factors[R][T];
#pragma GCC unroll 8
    for (size_t t = 0; t < T; ++t) {
      const __m256 a = kInfo.act == ActKind::kQ8x256 ? _mm256_set1_ps(x.scales(t)[c / 256])
                                                     : _mm256_loadu_ps(x.scales(t) + c / 32);
      __m512 lanes = _mm512_castps256_ps512(a);
      if constexpr (kInfo.group == 16) {
        const __m512i twice = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
        lanes = _mm512_permutexvar_ps(twice, lanes);
      }
#pragma GCC unroll 4
      for (size_t r = 0; r < R; ++r) {
        factors[r][t] = _mm512_mul_ps(Reader::scales(b[r]), lanes);
        if constexpr (kInfo.has_min) {
          const __m256 m = _mm256_mul_ps(Reader::mins(b[r]), a);
          const __m256 code_sums = _mm256_loadu_ps(x.sums32(t) + c / 32);
          mins[r][t] = _mm256_fmadd_ps(m, code_sums, mins[r][t]);
        }
      }
    }
#pragma GCC unroll 4
    for (size_t k = 0; k < 256 / Slice::kColumns; ++k) {
      const __m512i groups = lane_groups<Slice>(k, kInfo.group);
      const size_t column = c + k * Slice::kColumns;
      Slice a = Slice::of_activations(x.codes(0, column));
      const __m512i start = Dot::start(a);
#pragma GCC unroll 4
      for (size_t r = 0; r < R; ++r) {
        const Dot dot(Reader::template codes<kAdd>(b[r], k));
#pragma GCC unroll 8
        for (size_t t = 0; t < T; ++t) {
          if (t > 0) a = Slice::of_activations(x.codes(t, column));
          const __m512 s = _mm512_permutexvar_ps(groups, factors[r][t]);
          sum[r][t] = _mm512_fmadd_ps(_mm512_cvtepi32_ps(dot(a, start)), s, sum[r][t]);
        }
      }
    }
  }

  void add_mins() noexcept {
    if constexpr (!kInfo.has_min) return;
    for (size_t r = 0; r < R; ++r) {
      for (size_t t = 0; t < T; ++t) {
        sum[r][t] = _mm512_add_ps(sum[r][t], _mm512_zextps256_ps512(mins[r][t]));
      }
    }
  }
};

template <Format F>
struct SmallBlockDot {
  using Block = typename BlockOf<F>::Type;

  template <size_t T>
  static void dot(const Rows& rows, size_t n_cols, const Tokens& x, const Results& out) noexcept {
    constexpr size_t kRows = kTileRows<T>, kBlockElems = format_info(F).block_elems;
    SmallBlockSums<F, kRows, T> sums;
    const Block* row[kRows];
    for (size_t r = 0; r < kRows; ++r) row[r] = rows.blocks<Block>(r, 0);
    size_t c = 0;
    for (; c + 256 <= n_cols; c += 256) {
      rows.prefetch<kRows>(row_bytes(F, c), row_bytes(F, 256));
      const size_t i = c / kBlockElems;
      if constexpr (kRows == 4) {
        sums.add({row[0] + i, row[1] + i, row[2] + i, row[3] + i}, c, x);
      } else {
        sums.add({row[0] + i}, c, x);
      }
    }
    sums.add_mins();
    for (size_t r = 0; c < n_cols && r < kRows; ++r) {
      add_tail<T, F>(reinterpret_cast<const uint8_t*>(row[r]), c, n_cols - c, x, sums.sum[r]);
    }
    store_sums<kRows, T>(sums.sum, rows.n_valid, out);
  }
};

}  // namespace
}  // namespace lathe
