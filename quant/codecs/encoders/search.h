// Searches for the scale (and minimum) of one sub-block that minimise the weighted squared error
// after rounding. The sizes are compile-time constants, so that everything unrolls.
//
// Facts of the formats: codes are small integers l, a value is s * l or s * l - m. For given codes
// the best scale is a least-squares solution; codes follow from a scale by rounding. Each search
// walks a grid of roundings around the plain one and keeps the best solution, the method that the
// peer program uses too (reference: its published description, section numbers in the comments).
#pragma once

#include <cmath>
#include <cstddef>

#include "quant/codecs/encoders/vec.h"

namespace lathe::LATHE_CODEC_TIER {

// 0 where the quotient would be meaningless or could overflow.
static inline float safe_inverse(float v) noexcept {
  return std::fabs(v) < 0x1p-100f ? 0.0f : 1.0f / v;
}

// The element of largest magnitude, with its sign; the first one on ties.
template <int kSize>
static inline float signed_max(const float* x) noexcept {
  V4 top4 = abs(load<V4>(x));
  for (int i = 4; i < kSize; i += 4) top4 = max(top4, abs(load<V4>(x + i)));
  const float top = max_lane(top4);
  for (int i = 0; i < kSize; ++i) {
    if (std::fabs(x[i]) == top) return x[i];
  }
  return top;
}

template <int kSize>
static inline float sum_of(const float* x) noexcept {
  V4 sum = {};
  for (int i = 0; i < kSize; i += 4) sum += load<V4>(x + i);
  return sum_lanes(sum);
}

template <int kSize>
static inline float sum_of_squares(const float* x) noexcept {
  V4 sum = {};
  for (int i = 0; i < kSize; i += 4) sum += load<V4>(x + i) * load<V4>(x + i);
  return sum_lanes(sum);
}

// Codes in [-n_max, n_max - 1], value = s * l. Returns s, of any sign; 0 for a block without
// magnitude. Candidates map the largest element near -n_max and near n_max - 1.
template <int kSize>
static inline float search_symmetric(const float* x, const float* w, int n_max) noexcept {
  const float top = signed_max<kSize>(x);
  if (std::fabs(top) < 1e-15f) return 0.0f;
  const float lo = static_cast<float>(-n_max), hi = static_cast<float>(n_max - 1);
  V4 wx[kSize / 4];
  for (int i = 0; i < kSize / 4; ++i) wx[i] = load<V4>(w + 4 * i) * load<V4>(x + 4 * i);
  float best_scale = 0.0f, best_gain = 0.0f;  // gain = P^2 / Q
  const auto consider = [&](float inverse) noexcept {
    V4 p = {}, q = {};
    for (int i = 0; i < kSize / 4; ++i) {
      const V4 l = round_clamped(splat<V4>(inverse) * load<V4>(x + 4 * i), lo, hi);
      p += wx[i] * l;
      q += load<V4>(w + 4 * i) * l * l;
    }
    const float wxl = sum_lanes(p), wll = sum_lanes(q);
    if (wll > 0.0f && wxl * wxl > best_gain * wll) {
      best_scale = wxl / wll;
      best_gain = best_scale * wxl;
    }
  };
  const float inverse_top = 1.0f / top;
  constexpr float kStep = 0.2f;
  for (int k = -4; k <= 4; ++k) {
    const float step = kStep * static_cast<float>(k);
    consider((lo - step) * inverse_top);
    consider((hi + step) * inverse_top);
  }
  return best_scale;
}

struct ScaleMin {
  float scale = 0.0f;
  float min = 0.0f;  // value = scale * l - min, min >= 0
};

// The grid of roundings of search_scale_min: (n_max + first + step * k) steps over the range, for
// k = 0 .. last.
struct RoundingGrid {
  float first, step;
  int last;
};

// Codes in [0, n_max], value = s * l - m with s, m >= 0. Each rounding starts from the best minimum
// so far. For the least-squares (s, m) of given codes the error is sum w x^2 less a gain that takes
// only sums to know, so no second pass over the elements is needed.
template <int kSize>
static inline ScaleMin search_scale_min(const float* x, const float* w, int n_max,
                                        const RoundingGrid& grid) noexcept {
  constexpr int kVecs = kSize / 4;
  V4 low4 = load<V4>(x), high4 = low4, sw4 = {}, sx4 = {};
  V4 wx[kVecs];
  for (int i = 0; i < kVecs; ++i) {
    const V4 v = load<V4>(x + 4 * i), u = load<V4>(w + 4 * i);
    low4 = min(low4, v);
    high4 = max(high4, v);
    wx[i] = u * v;
    sw4 += u;
    sx4 += wx[i];
  }
  const float low = min_lane(low4) > 0.0f ? 0.0f : min_lane(low4), high = max_lane(high4);
  if (high <= low) return {0.0f, -low};
  const float sw = sum_lanes(sw4), sx = sum_lanes(sx4), top = static_cast<float>(n_max);

  float best_scale = (high - low) / top, best_min = low, best_gain = -1.0f;
  const auto consider = [&](float steps) noexcept {
    const V4 inverse = splat<V4>(steps * safe_inverse(high - best_min)), min = splat<V4>(best_min);
    V4 sl4 = {}, sll4 = {}, sxl4 = {};
    for (int i = 0; i < kVecs; ++i) {
      const V4 l = round_clamped(inverse * (load<V4>(x + 4 * i) - min), 0.0f, top);
      const V4 wl = load<V4>(w + 4 * i) * l;
      sl4 += wl;
      sll4 += wl * l;
      sxl4 += wx[i] * l;
    }
    const float sl = sum_lanes(sl4), sll = sum_lanes(sll4), sxl = sum_lanes(sxl4);
    const float determinant = sw * sll - sl * sl;
    if (!(determinant > 1e-4f * (sw * sll))) return;  // codes are (nearly) all equal
    float scale = (sw * sxl - sx * sl) / determinant;
    float found_min = (sll * sx - sl * sxl) / determinant;
    if (found_min > 0.0f) {
      found_min = 0.0f;
      scale = sxl / sll;
    }
    const float gain = scale * sxl + found_min * sx;
    if (scale > 0.0f && gain > best_gain) {
      best_gain = gain;
      best_scale = scale;
      best_min = found_min;
    }
  };
  consider(top);
  for (int k = 0; k <= grid.last; ++k)
    consider(top + grid.first + grid.step * static_cast<float>(k));
  return {best_scale, -best_min};
}

// A scale for n non-negative values v with weights w and integer codes 0..n_max.
float search_positive(const float* v, const float* w, int n, int n_max) noexcept;

}  // namespace lathe::LATHE_CODEC_TIER
