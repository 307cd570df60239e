// The exponential function of eight lanes, within 2 units in the last place for results in the
// normal range, correct to infinity, zero and NaN at the ends.
//
// e^x = 2^n e^r with n = round(x / ln 2), r = x - n ln 2 in two steps (Cody & Waite 1980), e^r by
// the minimax polynomial of the Cephes library (S. Moshier, expf).
#pragma once

#include "kernels/lanes/words.h"

namespace lathe {
namespace {

LATHE_INLINE F32x8 exp(F32x8 x) noexcept {
  x = min(broadcast(89.0f), max(broadcast(-105.0f), x));  // beyond: infinity, zero
  const I32x8 n = round_to_int(x * broadcast(1.44269504088896341f));
  const F32x8 n_f = to_f32(n);
  F32x8 r = fma(n_f, broadcast(-0.693359375f), x);
  r = fma(n_f, broadcast(2.12194440e-4f), r);
  F32x8 p = broadcast(1.9875691500e-4f);
  p = fma(p, r, broadcast(1.3981999507e-3f));
  p = fma(p, r, broadcast(8.3334519073e-3f));
  p = fma(p, r, broadcast(4.1665795894e-2f));
  p = fma(p, r, broadcast(1.6666665459e-1f));
  p = fma(p, r, broadcast(5.0000001201e-1f));
  p = fma(p, r * r, r) + broadcast(1.0f);
  // 2^n in two factors, so that subnormal results and infinity come out.
  const I32x8 half = shift_right<1>(n);
  return p * power_of_two(half) * power_of_two(n - half);
}

}  // namespace
}  // namespace lathe
