// Exponential of 16 floats.
#pragma once

#include "kernels/avx512/common.h"

namespace lathe {
namespace {

// e^x within 1 ulp or so; 0 below the smallest subnormal (so for -infinity), infinity above the
// largest float, NaN for NaN. x = n ln 2 + r with n an integer and |r| <= ln 2 / 2 (ln 2 in two
// parts: Cody & Waite, 1980), a polynomial for e^r, and scalef for 2^n.
inline __m512 exp_floats(__m512 x) noexcept {
  const __m512 low = _mm512_set1_ps(-104.0f), high = _mm512_set1_ps(89.0f);
  const __m512 z = _mm512_min_ps(high, _mm512_max_ps(low, x));
  const __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(z, _mm512_set1_ps(0x1.715476p+0f)),
                                        _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.62e400p-1f), z);
  r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0x1.7f7d1cp-20f), r);
  __m512 p = _mm512_set1_ps(1.0f / 5040);
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 720));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 120));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 24));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.0f / 6));
  p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(0.5f));
  p = _mm512_fmadd_ps(_mm512_mul_ps(r, r), p, r);
  const __m512 y = _mm512_scalef_ps(_mm512_add_ps(p, _mm512_set1_ps(1.0f)), n);
  return _mm512_mask_mov_ps(y, _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q), x);
}

}  // namespace
}  // namespace lathe
