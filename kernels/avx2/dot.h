// Dot products of int8 with AVX2: vpmaddubsw (u8 x s8, pairs summed with saturation to int16), then
// vpmaddwd with ones to int32.
//
// Nothing ever saturates. Panels store codes offset to unsigned where they are small, and add up as
// many int16 results as the range of the codes allows before widening; codes of full range keep
// their sign, and |w| x sign(a, w) takes the place of w x a (|-128| is 128 as an unsigned byte, and
// 2 * 128 * 127 fits).
#pragma once

#include "kernels/avx2/words.h"

namespace lathe {
namespace {

constexpr const char* kDirectName = "avx2 direct";
constexpr const char* kUnpackedName = "avx2 unpacked";
constexpr const char* kInt8PanelName = "avx2 int8 panel";
constexpr const char* kF32PanelName = "avx2 f32 panel";

// Keeps a chain of additions as written. GCC 12 turns long integer sums into trees, whose leaves
// do not fit the registers (35 stores and 27 loads in a tile of Q4_K); it has no option against it.
LATHE_INLINE void keep_order(__m256i& sum) noexcept { __asm__("" : "+x"(sum)); }

// How codes within Low..High are stored in a panel and multiplied.
template <int Low, int High>
struct PanelCodes {
  static constexpr int offset_for_low() noexcept {
    int offset = 1;
    while (offset < -Low) offset *= 2;
    return offset;
  }
  static constexpr bool kFull = Low < -64 || High > 127 || (Low < 0 && High > 63);
  // Added to every code on packing; corrected with sums of activation codes. A power of two.
  static constexpr int kOffset = kFull || Low >= 0 ? 0 : offset_for_low();
  static constexpr int runs() noexcept {
    const int most = kFull ? 128 : High + kOffset;
    int run = 8;
    while (run > 1 && 2 * most * 127 * run > 32767) run /= 2;
    return run;
  }
  static constexpr int kRun = runs();  // products that an int16 lane can add up
};

// Eight weight rows x four columns per step; a lane is a row.
template <int Run, bool Full>
struct PanelDot {
  static constexpr int kTokens = 4;   // of a tile
  static constexpr int kUnit = 1;     // tokens that one Sum serves
  static constexpr int kColumns = 4;  // of a step

  struct Weights {
    __m256i w, sign;
  };
  struct Sum {
    __m256i narrow, wide;
  };
  using Tokens = const std::int8_t*;  // 16 activation codes

  static LATHE_INLINE Tokens load_tokens(const std::int8_t* p, const std::int8_t*) noexcept {
    return p;
  }

  static LATHE_INLINE Weights load_weights(const std::uint8_t* p) noexcept {
    const __m256i w = _mm256_load_si256(reinterpret_cast<const __m256i*>(p));
    if constexpr (Full) return {_mm256_abs_epi8(w), w};
    return {w, w};
  }

  // Step S of the group: Sum starts at step 0.
  template <int S>
  static LATHE_INLINE void step(Sum& sum, const Weights& weights, Tokens tokens) noexcept {
    std::int32_t four;
    std::memcpy(&four, tokens + S % 4 * 4, 4);
    __m256i a = _mm256_set1_epi32(four);
    if constexpr (Full) a = _mm256_sign_epi8(a, weights.sign);
    const __m256i product = _mm256_maddubs_epi16(weights.w, a);
    sum.narrow = S % Run == 0 ? product : _mm256_add_epi16(sum.narrow, product);
    keep_order(sum.narrow);
    if constexpr (S % Run == Run - 1) {
      const __m256i wide = _mm256_madd_epi16(sum.narrow, _mm256_set1_epi16(1));
      sum.wide = S < Run ? wide : _mm256_add_epi32(sum.wide, wide);
      keep_order(sum.wide);
    }
  }

  template <int Token>
  static LATHE_INLINE I32x8 total(const Sum& sum) noexcept {
    return {sum.wide};
  }
};

// 32 codes of one row; lanes 0..3 of the result are sums of the first 16, lanes 4..7 of the rest.
template <bool Signed>
LATHE_INLINE I32x8 dot_32(U8x32 w, const std::int8_t* a) noexcept {
  const __m256i act = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(a));
  __m256i pairs;
  if constexpr (Signed) {
    pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w.v), _mm256_sign_epi8(act, w.v));
  } else {
    pairs = _mm256_maddubs_epi16(w.v, act);
  }
  return {_mm256_madd_epi16(pairs, _mm256_set1_epi16(1))};
}

}  // namespace
}  // namespace lathe
