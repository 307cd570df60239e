// The int8 peak of a NEON tier: its best sequence for dot products (neon/dot.h).
#pragma once

#include "kernels/neon/dot.h"

namespace lathe {
namespace {

LATHE_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t w, int8x16_t a) noexcept {
#if defined(__ARM_FEATURE_MATMUL_INT8)
  return vmmlaq_s32(sum, w, a);
#elif defined(__ARM_FEATURE_DOTPROD)
  return vdotq_s32(sum, w, a);
#else
  return vpadalq_s16(sum, vmlal_high_s8(vmull_s8(vget_low_s8(w), vget_low_s8(a)), w, a));
#endif
}

inline double probe_int8(std::size_t n_iterations, float* sink) noexcept {
#if defined(__ARM_FEATURE_MATMUL_INT8)
  constexpr int kMacs = 32;
#else
  constexpr int kMacs = 16;
#endif
  constexpr int kChains = 16;
  int32x4_t sums[kChains];
  for (int32x4_t& s : sums) s = vdupq_n_s32(0);
  int8x16_t w = vdupq_n_s8(3);
  const int8x16_t a = vdupq_n_s8(-5);
  for (std::size_t i = 0; i < n_iterations; ++i) {
    for (int32x4_t& s : sums) {
      __asm__ volatile("" : "+w"(w));  // a new value, as far as the compiler knows
      s = add_products(s, w, a);
    }
  }
  int32x4_t total = sums[0];
  for (int k = 1; k < kChains; ++k) total = vaddq_s32(total, sums[k]);
  *sink = static_cast<float>(vaddvq_s32(total));
  return static_cast<double>(n_iterations) * kChains * kMacs;
}

}  // namespace
}  // namespace lathe
