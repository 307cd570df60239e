// K-quants and IQ4_XS times few tokens with integer scales: vpmaddubsw multiplies codes and
// activations, vpmaddwd the pairs of products with the scales of their groups, so a block costs one
// conversion to float a token. All of it is exact up to there (2 * 127 * 127 fits int16). What
// makes signed codes unsigned is taken back exactly: an offset by the sums of 16 activations, or,
// in the full range of IQ4, signs that move to the activations.
#pragma once

#include "kernels/lanes/matvec_int8.h"

namespace lathe {
namespace {

LATHE_INLINE __m256i both_halves(__m128i x) noexcept { return _mm256_broadcastsi128_si256(x); }

// Eight scales, group g of 32 columns in word g of each half.
struct Scales32 {
  __m256i words;

  template <int J>
  LATHE_INLINE __m256i of_piece() const noexcept {  // of columns 32 J ..
    return _mm256_shuffle_epi8(words, _mm256_set1_epi16(0x0100 + 0x0202 * J));
  }
};

// Sixteen scales, of 16 columns each; each half of a register has eight.
struct Scales16 {
  __m256i words, low, high;

  LATHE_INLINE explicit Scales16(__m128i bytes) noexcept
      : words(_mm256_cvtepi8_epi16(bytes)),
        low(_mm256_permute4x64_epi64(words, 0x44)),
        high(_mm256_permute4x64_epi64(words, 0xee)) {}

  template <int J>
  LATHE_INLINE __m256i of_piece() const noexcept {
    constexpr int kFirst = 0x0100 + 0x0404 * (J % 4);
    const __m256i select =
        _mm256_setr_m128i(_mm_set1_epi16(kFirst), _mm_set1_epi16(kFirst + 0x0202));
    return _mm256_shuffle_epi8(J < 4 ? low : high, select);
  }
};

// What a block has beside its codes. `offset` or `mins` meet the sums of 16 activations.
template <Format F>
struct BlockScales;

// Q4_K and Q5_K: 6-bit pairs (q4_k.h), all of a head at once.
struct SixBitScales : Scales32 {
  float d, dmin;
  __m256i mins;

  LATHE_INLINE explicit SixBitScales(const void* block) noexcept {
    // Words of the head: d | dmin, a, b, c.
    const __m128i head = _mm_loadu_si128(static_cast<const __m128i*>(block));
    const __m128i ab = _mm_srlv_epi32(_mm_shuffle_epi32(head, 0xa5), _mm_setr_epi32(0, 2, 0, 2));
    const __m128i c = _mm_srlv_epi32(_mm_shuffle_epi32(head, 0xff), _mm_setr_epi32(0, 0, 0, 4));
    const __m128i low =
        _mm_and_si128(ab, _mm_setr_epi32(0x3f3f3f3f, 0x30303030, 0x3f3f3f3f, 0x30303030));
    const __m128i high = _mm_and_si128(c, _mm_setr_epi32(0, 0x0f0f0f0f, 0, 0x0f0f0f0f));
    const __m128i bytes = _mm_or_si128(low, high);  // eight scales, eight minimums
    words = both_halves(_mm_cvtepu8_epi16(bytes));
    // Each minimum for two sums.
    const __m256i twice = _mm256_setr_epi64x(
        static_cast<long long>(0x8009800980088008), static_cast<long long>(0x800b800b800a800a),
        static_cast<long long>(0x800d800d800c800c), static_cast<long long>(0x800f800f800e800e));
    mins = _mm256_shuffle_epi8(both_halves(bytes), twice);
    const __m128 floats = _mm_cvtph_ps(head);
    d = _mm_cvtss_f32(floats);
    dmin = _mm_cvtss_f32(_mm_movehdup_ps(floats));
  }
};
template <>
struct BlockScales<Format::Q4_K> : SixBitScales {
  LATHE_INLINE explicit BlockScales(const BlockQ4_K& b) noexcept : SixBitScales(&b) {}
};
template <>
struct BlockScales<Format::Q5_K> : SixBitScales {
  LATHE_INLINE explicit BlockScales(const BlockQ5_K& b) noexcept : SixBitScales(&b) {}
};

template <>
struct BlockScales<Format::Q2_K> : Scales16 {
  float d, dmin;
  __m256i mins;

  LATHE_INLINE explicit BlockScales(const BlockQ2_K& b) noexcept
      : BlockScales(b, _mm_loadu_si128(reinterpret_cast<const __m128i*>(b.scales))) {}

 private:
  LATHE_INLINE BlockScales(const BlockQ2_K& b, __m128i packed) noexcept
      : Scales16(_mm_and_si128(packed, _mm_set1_epi8(15))),
        d(f16_to_f32(b.d)),
        dmin(f16_to_f32(b.dmin)),
        mins(_mm256_srli_epi16(_mm256_cvtepu8_epi16(packed), 4)) {}
};

// The scales of Q3_K, 32 already subtracted (q3_k.h).
LATHE_INLINE __m128i q3_scales(const std::uint8_t* s) noexcept {
  std::uint64_t low;
  std::uint32_t high;
  std::memcpy(&low, s, 8);
  std::memcpy(&high, s + 8, 4);
  constexpr std::uint64_t kNibbles = 0x0f0f0f0f0f0f0f0f;
  constexpr std::uint32_t kPairs = 0x03030303;
  const std::uint64_t top0 = (high & kPairs) | std::uint64_t{high >> 2 & kPairs} << 32;
  const std::uint64_t top1 = (high >> 4 & kPairs) | std::uint64_t{high >> 6 & kPairs} << 32;
  return _mm_sub_epi8(_mm_set_epi64x(static_cast<long long>((low >> 4 & kNibbles) | top1 << 4),
                                     static_cast<long long>((low & kNibbles) | top0 << 4)),
                      _mm_set1_epi8(32));
}

template <>
struct BlockScales<Format::Q3_K> : Scales16 {
  float d;

  LATHE_INLINE explicit BlockScales(const BlockQ3_K& b) noexcept
      : Scales16(q3_scales(b.scales)), d(f16_to_f32(b.d)) {}
};

template <>
struct BlockScales<Format::Q6_K> : Scales16 {
  float d;

  LATHE_INLINE explicit BlockScales(const BlockQ6_K& b) noexcept
      : Scales16(_mm_loadu_si128(reinterpret_cast<const __m128i*>(b.scales))), d(f16_to_f32(b.d)) {}
};

template <>
struct BlockScales<Format::IQ4_XS> : Scales32 {
  float d;

  LATHE_INLINE explicit BlockScales(const BlockIQ4_XS& b) noexcept : d(f16_to_f32(b.d)) {
    std::uint32_t low;
    std::memcpy(&low, b.scales_l, 4);
    const std::uint64_t bytes =
        _pdep_u64(low, 0x0f0f0f0f0f0f0f0f) | _pdep_u64(b.scales_h, 0x3030303030303030);
    const __m128i w = _mm_cvtepu8_epi16(_mm_cvtsi64_si128(static_cast<long long>(bytes)));
    words = both_halves(_mm_sub_epi16(w, _mm_set1_epi16(32)));
  }
};

template <Format F>
struct KBlock {
  static constexpr FormatInfo kInfo = format_info(F);
  static constexpr bool kSigns = CodeReader<F>::kLow < -64;
  static constexpr int kOffset = kSigns ? 0 : -CodeReader<F>::kLow;

  // Products of piece J with a token, times the scales.
  template <int J>
  static LATHE_INLINE __m256i products(__m256i codes, __m256i scales,
                                       const std::int8_t* act) noexcept {
    __m256i a = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(act + 32 * J));
    if constexpr (kSigns) {
      a = _mm256_sign_epi8(a, codes);
      codes = _mm256_abs_epi8(codes);
    }
    return _mm256_madd_epi16(_mm256_maddubs_epi16(codes, a), scales);
  }

  // Adds a block times T tokens, whose activations begin at column 256 i.
  template <int T>
  static LATHE_INLINE void add(const Block<F>& b, std::size_t i, const ActRow* act, F32x8* sum,
                               F32x8* min_sum) noexcept {
    const BlockScales<F> s(b);
    __m256i dot[T];
    unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
      constexpr int kT = decltype(t)::value;
      dot[kT] = _mm256_setzero_si256();
      const __m256i sums =
          _mm256_loadu_si256(reinterpret_cast<const __m256i*>(act[kT].words16 + 16 * i));
      if constexpr (kInfo.has_min) {
        const F32x8 mins = to_f32(I32x8{_mm256_madd_epi16(s.mins, sums)});
        min_sum[kT] = fma(mins, broadcast(s.dmin * act[kT].scales[i]), min_sum[kT]);
      } else if constexpr (kOffset > 0) {
        const __m256i back = _mm256_mullo_epi16(s.words, _mm256_set1_epi16(-kOffset));
        dot[kT] = _mm256_madd_epi16(back, sums);
      }
    });
    unroll<8>([&](auto j) LATHE_LAMBDA_INLINE {
      constexpr int kJ = decltype(j)::value;
      const U8x32 codes = CodeReader<F>::template codes<kJ>(b) + broadcast_byte(kOffset);
      const __m256i scales = s.template of_piece<kJ>();
      unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
        constexpr int kT = decltype(t)::value;
        const __m256i p = products<kJ>(codes.v, scales, act[kT].codes + 256 * i);
        dot[kT] = _mm256_add_epi32(dot[kT], p);
        keep_order(dot[kT]);
      });
    });
    unroll<T>([&](auto t) LATHE_LAMBDA_INLINE {
      constexpr int kT = decltype(t)::value;
      sum[kT] = fma(to_f32(I32x8{dot[kT]}), broadcast(s.d * act[kT].scales[i]), sum[kT]);
    });
  }
};

template <Format F>
struct KRowDot {
  template <int T>
  static void dot(const Block<F>* blocks, std::size_t n_blocks, const ActRow* act, float* y,
                  std::size_t y_stride) noexcept {
    F32x8 sums[T], min_sums[T];
    for (int t = 0; t < T; ++t) sums[t] = min_sums[t] = zero();
    for (std::size_t i = 0; i < n_blocks; ++i) {
      prefetch(blocks + i, sizeof(Block<F>));
      KBlock<F>::template add<T>(blocks[i], i, act, sums, min_sums);
    }
    for (int t = 0; t < T; ++t) {
      y[static_cast<std::size_t>(t) * y_stride] = sum(sums[t] - min_sums[t]);
    }
  }
};

}  // namespace
}  // namespace lathe
