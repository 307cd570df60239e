// Super-blocks of 256 whose sub-blocks have an integer scale and minimum: Q2_K, Q4_K, Q5_K.
//
//   value = (d * scale_j) * code - (dmin * min_j),   code in [0, kMaxCode], scale_j, min_j in
//   [0, kMaxScale]
//
// Each sub-block is searched alone; then d, dmin (least squares over the whole super-block) and the
// integers (all pairs around the ideal ones) are improved in turns, with codes always chosen for
// the values that a decoder will see.
#pragma once

#include <cstdint>

#include "quant/codecs/encoders/block_scale.h"
#include "quant/codecs/encoders/descent.h"
#include "quant/codecs/encoders/search.h"
#include "quant/codecs/encoders/shrinkage.h"

namespace lathe::LATHE_CODEC_TIER {

template <int kSubs, int kMaxCode, int kMaxScale>
class SuperMin {
 public:
  static constexpr int kSize = 256 / kSubs;

  HalfScale d, dmin;
  std::uint8_t scales[kSubs], mins[kSubs];
  std::uint8_t codes[256];

  // x, w: [256]; w positive except where x and its neighbourhood are zero.
  void encode(const float* x, const float* w, const RoundingGrid& grid) noexcept {
    x_ = x;
    w_ = w;
    initialise(grid);
    descend(*this, kTurns);
    store_codes();
  }

  // After encode(): gives back `share` of what rounding took from the values' size (shrinkage.h).
  void restore_size(float share) noexcept {
    double xx = 0.0, xy = 0.0;
    for (int j = 0; j < kSubs; ++j) {
      const float scale = d.value * static_cast<float>(scales[j]);
      const float min = dmin.value * static_cast<float>(mins[j]), inverse = safe_inverse(scale);
      V16 x_sum = {}, y_sum = {};
      for (int i = j * kSize; i < (j + 1) * kSize; i += 16) {
        const V16 v = load<V16>(x_ + i), wv = load<V16>(w_ + i) * v;
        x_sum += wv * v;
        y_sum += wv * (splat<V16>(scale) * codes_at(i, inverse, min) - splat<V16>(min));
      }
      xx += sum_lanes(x_sum);
      xy += sum_lanes(y_sum);
    }
    const float factor = restoring_factor(xx, xy, share);
    d = half_scale(d.value * factor);
    dmin = half_scale(dmin.value * factor);
  }

 private:
  friend void descend<SuperMin>(SuperMin&, int) noexcept;

  static constexpr int kTurns = 3;

  void initialise(const RoundingGrid& grid) noexcept {
    float s[kSubs], m[kSubs], sw[kSubs];
    for (int j = 0; j < kSubs; ++j) {
      const ScaleMin found =
          search_scale_min<kSize>(x_ + j * kSize, w_ + j * kSize, kMaxCode, grid);
      s[j] = found.scale;
      m[j] = found.min;
      sw[j] = sum_of<kSize>(w_ + j * kSize);
    }
    d = half_scale(search_positive(s, sw, kSubs, kMaxScale));
    dmin = half_scale(search_positive(m, sw, kSubs, kMaxScale));
    const float inverse_d = safe_inverse(d.value), inverse_dmin = safe_inverse(dmin.value);
    for (int j = 0; j < kSubs; ++j) {
      scales[j] = code_of(s[j] * inverse_d);
      mins[j] = code_of(m[j] * inverse_dmin);
    }
  }

  static std::uint8_t code_of(float v) noexcept {
    return static_cast<std::uint8_t>(round_clamped(v, 0.0f, static_cast<float>(kMaxScale)));
  }

  V16 codes_at(int i, float inverse, float min) const noexcept {
    return round_clamped((load<V16>(x_ + i) + splat<V16>(min)) * splat<V16>(inverse), 0.0f,
                         static_cast<float>(kMaxCode));
  }

  // Weighted squared error of sub-block j with these integers and the best codes for them.
  float error_of(int j, int scale_code, int min_code) const noexcept {
    const float scale = d.value * static_cast<float>(scale_code);
    const float min = dmin.value * static_cast<float>(min_code);
    const float inverse = safe_inverse(scale);
    V16 sum = {};
    for (int i = j * kSize; i < (j + 1) * kSize; i += 16) {
      const V16 e =
          splat<V16>(scale) * codes_at(i, inverse, min) - (load<V16>(x_ + i) + splat<V16>(min));
      sum += load<V16>(w_ + i) * (e * e);
    }
    return sum_lanes(sum);
  }

  // Moves each sub-block's integers to the best pair around them; the total error.
  double improve_scales(bool first) noexcept {
    const int reach = first ? 2 : 1;
    double total = 0.0;
    for (int j = 0; j < kSubs; ++j) {
      const int scale = scales[j], min = mins[j];
      float best = error_of(j, scale, min);
      for (int s = scale - reach; s <= scale + reach; ++s) {
        for (int m = min - reach; m <= min + reach; ++m) {
          if (s < 0 || m < 0 || s > kMaxScale || m > kMaxScale) continue;
          const float error = error_of(j, s, m);
          if (!(error < best)) continue;
          best = error;
          scales[j] = static_cast<std::uint8_t>(s);
          mins[j] = static_cast<std::uint8_t>(m);
        }
      }
      total += best;
    }
    return total;
  }

  // Least squares for d and dmin, given all integers. False when the system is degenerate.
  bool solve_super_scales() noexcept {
    double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
    for (int j = 0; j < kSubs; ++j) {
      const float min = dmin.value * static_cast<float>(mins[j]);
      const float inverse = safe_inverse(d.value * static_cast<float>(scales[j]));
      V16 sw = {}, sx = {}, sl = {}, sll = {}, sxl = {};
      for (int i = j * kSize; i < (j + 1) * kSize; i += 16) {
        const V16 l = codes_at(i, inverse, min);
        const V16 w = load<V16>(w_ + i), v = load<V16>(x_ + i);
        sw += w;
        sx += w * v;
        sl += w * l;
        sll += w * l * l;
        sxl += w * v * l;
      }
      const double s = scales[j], m = mins[j];
      aa += s * s * sum_lanes(sll);
      ab += s * m * sum_lanes(sl);
      bb += m * m * sum_lanes(sw);
      ax += s * sum_lanes(sxl);
      bx += m * sum_lanes(sx);
    }
    const double determinant = aa * bb - ab * ab;
    double new_d = 0.0, new_min = 0.0;
    if (bb > 0.0 && determinant > 1e-12 * aa * bb) {
      new_d = (ax * bb - ab * bx) / determinant;
      new_min = (ab * new_d - bx) / bb;
    }
    if (!(new_min > 0.0)) {
      if (!(aa > 0.0)) return false;
      new_d = ax / aa;
      new_min = 0.0;
    }
    if (!(new_d > 0.0)) return false;
    d = half_scale(static_cast<float>(new_d));
    dmin = half_scale(static_cast<float>(new_min));
    return true;
  }

  void store_codes() noexcept {
    for (int j = 0; j < kSubs; ++j) {
      const float min = dmin.value * static_cast<float>(mins[j]);
      const float inverse = safe_inverse(d.value * static_cast<float>(scales[j]));
      for (int i = j * kSize; i < (j + 1) * kSize; i += 16) {
        store_bytes(codes + i, codes_at(i, inverse, min));
      }
    }
  }

  const float* x_ = nullptr;
  const float* w_ = nullptr;
};

}  // namespace lathe::LATHE_CODEC_TIER
