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
#include <type_traits>

#include "quant/codecs/encoders/vec.h"

namespace lathe::LATHE_CODEC_TIER {

// The widest register whose lanes divide kSize.
template <int kSize>
using VecOf = std::conditional_t<kSize % 16 == 0, V16, std::conditional_t<kSize % 8 == 0, V8, V4>>;

// 0 where the quotient would be meaningless or could overflow.
static inline float safe_inverse(float v) noexcept {
  return std::fabs(v) < 0x1p-100f ? 0.0f : 1.0f / v;
}

// The element of largest magnitude, with its sign; the first one on ties.
template <int kSize>
static inline float signed_max(const float* x) noexcept {
  using V = VecOf<kSize>;
  V top = abs(load<V>(x));
  for (int i = kLanes<V>; i < kSize; i += kLanes<V>) top = max(top, abs(load<V>(x + i)));
  const float magnitude = max_lane(top);
  for (int i = 0; i < kSize; ++i) {
    if (std::fabs(x[i]) == magnitude) return x[i];
  }
  return magnitude;
}

template <int kSize>
static inline float sum_of(const float* x) noexcept {
  using V = VecOf<kSize>;
  V sum = {};
  for (int i = 0; i < kSize; i += kLanes<V>) sum += load<V>(x + i);
  return sum_lanes(sum);
}

template <int kSize>
static inline float sum_of_squares(const float* x) noexcept {
  using V = VecOf<kSize>;
  V sum = {};
  for (int i = 0; i < kSize; i += kLanes<V>) sum += load<V>(x + i) * load<V>(x + i);
  return sum_lanes(sum);
}

// Codes in [-n_max, n_max - 1], value = s * l. Returns s, of any sign; 0 for a block without
// magnitude. Candidates map the largest element near -n_max and near n_max - 1.
template <int kSize>
static inline float search_symmetric(const float* x, const float* w, int n_max) noexcept {
  using V = VecOf<kSize>;
  constexpr int kVecs = kSize / kLanes<V>;
  const float top = signed_max<kSize>(x);
  if (std::fabs(top) < 1e-15f) return 0.0f;
  const float lo = static_cast<float>(-n_max), hi = static_cast<float>(n_max - 1);
  V xs[kVecs], ws[kVecs];
  for (int i = 0; i < kVecs; ++i) {
    xs[i] = load<V>(x + kLanes<V> * i);
    ws[i] = load<V>(w + kLanes<V> * i);
  }
  float best_scale = 0.0f, best_gain = 0.0f;  // gain = P^2 / Q
  const auto consider = [&](float inverse) noexcept {
    V p = {}, q = {};
    for (int i = 0; i < kVecs; ++i) {
      const V l = round_clamped(splat<V>(inverse) * xs[i], lo, hi);
      const V wl = ws[i] * l;
      p += wl * xs[i];
      q += wl * l;
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
  constexpr int kVecs = kSize / 16;
  V16 xs[kVecs], ws[kVecs], wx[kVecs];
  V16 low16 = load<V16>(x), high16 = low16, sw16 = {}, sx16 = {};
  for (int i = 0; i < kVecs; ++i) {
    xs[i] = load<V16>(x + 16 * i);
    ws[i] = load<V16>(w + 16 * i);
    wx[i] = ws[i] * xs[i];
    low16 = min(low16, xs[i]);
    high16 = max(high16, xs[i]);
    sw16 += ws[i];
    sx16 += wx[i];
  }
  const float lowest = min_lane(low16), high = max_lane(high16);
  const float low = lowest > 0.0f ? 0.0f : lowest;
  if (high <= low) return {0.0f, -low};
  const float sw = sum_lanes(sw16), sx = sum_lanes(sx16), top = static_cast<float>(n_max);

  float best_scale = (high - low) / top, best_min = low, best_gain = -1.0f;
  const auto consider = [&](float steps) noexcept {
    const V16 inverse = splat<V16>(steps * safe_inverse(high - best_min));
    V16 sl16 = {}, sll16 = {}, sxl16 = {};
    for (int i = 0; i < kVecs; ++i) {
      const V16 l = round_clamped(inverse * (xs[i] - splat<V16>(best_min)), 0.0f, top);
      const V16 wl = ws[i] * l;
      sl16 += wl;
      sll16 += wl * l;
      sxl16 += wx[i] * l;
    }
    const float sl = sum_lanes(sl16), sll = sum_lanes(sll16), sxl = sum_lanes(sxl16);
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
