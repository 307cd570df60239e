// Dot products of int8 with NEON, in three kinds that share everything else: plain (smull and smlal
// to int16, pairwise to int32), dot product (sdot) and matrix product (smmla). Which one is built
// depends on the tier's compiler macros. Codes keep their sign; nothing ever saturates.
#pragma once

#include "kernels/neon/words.h"

#if defined(__ARM_FEATURE_MATMUL_INT8)
#define LATHE_NEON_NAME "neon i8mm"
#elif defined(__ARM_FEATURE_DOTPROD)
#define LATHE_NEON_NAME "neon dotprod"
#else
#define LATHE_NEON_NAME "neon"
#endif

namespace lathe {
namespace {

constexpr const char* kDirectName = LATHE_NEON_NAME " direct";
constexpr const char* kUnpackedName = LATHE_NEON_NAME " unpacked";
constexpr const char* kInt8PanelName = LATHE_NEON_NAME " int8 panel";
constexpr const char* kF32PanelName = LATHE_NEON_NAME " f32 panel";

// How codes within Low..High are stored in a panel and multiplied.
template <int Low, int High>
struct PanelCodes {
  static constexpr bool kFull = false;
  static constexpr int kOffset = 0;
  static constexpr int runs() noexcept {
#if defined(__ARM_FEATURE_DOTPROD)
    return 1;  // sums are int32 from the start
#else
    const int most = -Low > High ? -Low : High;
    int run = 8;
    while (run > 2 && most * 127 * run > 32767) run /= 2;
    return run;  // 2 * 128 * 127 fits
#endif
  }
  static constexpr int kRun = runs();  // products that an int16 lane can add up
};

LATHE_INLINE int8x16_t load_s8(const void* p) noexcept {
  return vld1q_s8(static_cast<const std::int8_t*>(p));
}

#if defined(__ARM_FEATURE_MATMUL_INT8)

// Pairs of rows x eight columns x two tokens: smmla makes the four sums of a pair of rows and a
// pair of tokens.
template <int Run, bool Full>
struct PanelDot {
  static constexpr int kTokens = 4;
  static constexpr int kUnit = 2;     // tokens that one Sum serves
  static constexpr int kColumns = 8;  // of a step

  struct Weights {
    int8x16_t pair[4];
  };
  struct Sum {
    int32x4_t pair[4];  // {row 0: token 0, 1; row 1: token 0, 1}
  };
  struct Tokens {
    int8x16_t piece[2];  // eight codes of each token
  };

  static LATHE_INLINE Tokens load_tokens(const std::int8_t* first,
                                         const std::int8_t* second) noexcept {
    const int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(first));
    const int64x2_t b = vreinterpretq_s64_s8(vld1q_s8(second));
    return {{vreinterpretq_s8_s64(vzip1q_s64(a, b)), vreinterpretq_s8_s64(vzip2q_s64(a, b))}};
  }
  static LATHE_INLINE Weights load_weights(const std::uint8_t* p) noexcept {
    return {{load_s8(p), load_s8(p + 16), load_s8(p + 32), load_s8(p + 48)}};
  }
  template <int S>
  static LATHE_INLINE void step(Sum& sum, const Weights& weights, const Tokens& tokens) noexcept {
    for (int i = 0; i < 4; ++i) {
      const int32x4_t before = S == 0 ? vdupq_n_s32(0) : sum.pair[i];
      sum.pair[i] = vmmlaq_s32(before, weights.pair[i], tokens.piece[S % 2]);
    }
  }
  template <int Token>
  static LATHE_INLINE I32x8 total(const Sum& sum) noexcept {
    if constexpr (Token == 0) {
      return {vuzp1q_s32(sum.pair[0], sum.pair[1]), vuzp1q_s32(sum.pair[2], sum.pair[3])};
    } else {
      return {vuzp2q_s32(sum.pair[0], sum.pair[1]), vuzp2q_s32(sum.pair[2], sum.pair[3])};
    }
  }
};

#elif defined(__ARM_FEATURE_DOTPROD)

// Eight rows x four columns per step; sdot by lane meets four codes of a token with four rows.
template <int Run, bool Full>
struct PanelDot {
  static constexpr int kTokens = 4;
  static constexpr int kUnit = 1;
  static constexpr int kColumns = 4;

  struct Weights {
    int8x16_t lo, hi;
  };
  struct Sum {
    int32x4_t lo, hi;
  };
  using Tokens = int8x16_t;

  static LATHE_INLINE Tokens load_tokens(const std::int8_t* p, const std::int8_t*) noexcept {
    return vld1q_s8(p);
  }
  static LATHE_INLINE Weights load_weights(const std::uint8_t* p) noexcept {
    return {load_s8(p), load_s8(p + 16)};
  }
  template <int S>
  static LATHE_INLINE void step(Sum& sum, const Weights& weights, Tokens tokens) noexcept {
    const int32x4_t none = vdupq_n_s32(0);
    sum.lo = vdotq_laneq_s32(S == 0 ? none : sum.lo, weights.lo, tokens, S % 4);
    sum.hi = vdotq_laneq_s32(S == 0 ? none : sum.hi, weights.hi, tokens, S % 4);
  }
  template <int Token>
  static LATHE_INLINE I32x8 total(const Sum& sum) noexcept {
    return {sum.lo, sum.hi};
  }
};

#else

// Eight rows x four columns per step, pairs of rows in an int16 vector.
template <int Run, bool Full>
struct PanelDot {
  static constexpr int kTokens = 2;
  static constexpr int kUnit = 1;
  static constexpr int kColumns = 4;

  struct Weights {
    int8x8_t pair[4];
  };
  struct Sum {
    int16x8_t narrow[4];
    int32x4_t wide[4];
  };
  using Tokens = const std::int8_t*;  // 16 codes

  static LATHE_INLINE Tokens load_tokens(const std::int8_t* p, const std::int8_t*) noexcept {
    return p;
  }
  static LATHE_INLINE Weights load_weights(const std::uint8_t* p) noexcept {
    const int8x16_t lo = load_s8(p), hi = load_s8(p + 16);
    return {{vget_low_s8(lo), vget_high_s8(lo), vget_low_s8(hi), vget_high_s8(hi)}};
  }
  template <int S>
  static LATHE_INLINE void step(Sum& sum, const Weights& weights, Tokens tokens) noexcept {
    std::int32_t four;
    std::memcpy(&four, tokens + S % 4 * 4, 4);
    const int8x8_t a = vreinterpret_s8_s32(vdup_n_s32(four));
    for (int i = 0; i < 4; ++i) {
      sum.narrow[i] =
          S % Run == 0 ? vmull_s8(weights.pair[i], a) : vmlal_s8(sum.narrow[i], weights.pair[i], a);
      if constexpr (S % Run == Run - 1) {
        sum.wide[i] =
            S < Run ? vpaddlq_s16(sum.narrow[i]) : vpadalq_s16(sum.wide[i], sum.narrow[i]);
      }
    }
  }
  template <int Token>
  static LATHE_INLINE I32x8 total(const Sum& sum) noexcept {
    return {vpaddq_s32(sum.wide[0], sum.wide[1]), vpaddq_s32(sum.wide[2], sum.wide[3])};
  }
};

#endif

LATHE_INLINE int32x4_t dot_16(int8x16_t w, int8x16_t a) noexcept {
#if defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(vdupq_n_s32(0), w, a);
#else
  // 2 * 128 * 127 fits an int16
  return vpaddlq_s16(vmlal_high_s8(vmull_s8(vget_low_s8(w), vget_low_s8(a)), w, a));
#endif
}

// 32 codes of one row; lanes 0..3 of the result are sums of the first 16, lanes 4..7 of the rest.
template <bool Signed>
LATHE_INLINE I32x8 dot_32(U8x32 w, const std::int8_t* a) noexcept {
  return {dot_16(vreinterpretq_s8_u8(w.lo), vld1q_s8(a)),
          dot_16(vreinterpretq_s8_u8(w.hi), vld1q_s8(a + 16))};
}

}  // namespace
}  // namespace lathe
