// Super-blocks of 256 whose sub-blocks have a signed integer scale: Q3_K, Q6_K, IQ4_XS.
//
//   value = (d * scale_j) * level,   scale_j in [-kHalfScale, kHalfScale - 1]
//
// A Coder (quant/codecs/encoders/levels.h) says which levels there are. Each sub-block is searched
// alone. Then d (least squares over the super-block) and the integer scales are improved in turns:
// the error of so few elements varies by a fifth from one integer to the next, so all integers
// around the ideal one are tried, with the values that a decoder will see.
#pragma once

#include <cstdint>

#include "quant/codecs/encoders/block_scale.h"
#include "quant/codecs/encoders/descent.h"
#include "quant/codecs/encoders/search.h"
#include "quant/codecs/encoders/shrinkage.h"

namespace lathe::LATHE_CODEC_TIER {

template <class Coder, int kSubs, int kHalfScale>
class SuperScale {
 public:
  static constexpr int kSize = 256 / kSubs;

  HalfScale d;
  std::int8_t scales[kSubs];
  std::uint8_t codes[256];  // of the Coder

  // x, w: [256]; w positive except where x and its neighbourhood are zero.
  void encode(const float* x, const float* w) noexcept {
    x_ = x;
    w_ = w;
    initialise();
    descend(*this, kTurns);
    store_codes();
  }

  // After encode(): gives back `share` of what rounding took from the values' size (shrinkage.h).
  void restore_size(float share) noexcept {
    double xx = 0.0, xy = 0.0;
    for (int j = 0; j < kSubs; ++j) {
      const float scale = d.value * static_cast<float>(scales[j]), inverse = safe_inverse(scale);
      V16 x_sum = {}, y_sum = {};
      for (int i = j * kSize; i < (j + 1) * kSize; i += 16) {
        const V16 v = load<V16>(x_ + i), wv = load<V16>(w_ + i) * v;
        x_sum += wv * v;
        y_sum += wv * (splat<V16>(scale) * level_at(i, inverse));
      }
      xx += sum_lanes(x_sum);
      xy += sum_lanes(y_sum);
    }
    d = half_scale(d.value * restoring_factor(xx, xy, share));
  }

 private:
  friend void descend<SuperScale>(SuperScale&, int) noexcept;

  static constexpr int kTurns = 3, kMinReach = 2, kMaxReach = 8, kReachDivisor = 14;

  void initialise() noexcept {
    alignas(64) float s[kSubs], sw[kSubs];
    for (int j = 0; j < kSubs; ++j) {
      s[j] = Coder::template search<kSize>(x_ + j * kSize, w_ + j * kSize);
      sw[j] = sum_of<kSize>(w_ + j * kSize);
    }
    d = half_scale(search_symmetric<kSubs>(s, sw, kHalfScale));
    const float inverse = safe_inverse(d.value);
    for (int j = 0; j < kSubs; ++j) {
      scales[j] = static_cast<std::int8_t>(round_clamped(
          s[j] * inverse, static_cast<float>(-kHalfScale), static_cast<float>(kHalfScale - 1)));
    }
  }

  V16 level_at(int i, float inverse) const noexcept {
    return Coder::level(load<V16>(x_ + i) * splat<V16>(inverse));
  }

  float error_of(int j, int scale_code) const noexcept {
    const float scale = d.value * static_cast<float>(scale_code);
    const float inverse = safe_inverse(scale);
    V16 sum = {};
    for (int i = j * kSize; i < (j + 1) * kSize; i += 16) {
      const V16 e = splat<V16>(scale) * level_at(i, inverse) - load<V16>(x_ + i);
      sum += load<V16>(w_ + i) * (e * e);
    }
    return sum_lanes(sum);
  }

  // Moves each scale to the best integer around it; the total error.
  double improve_scales(bool first) noexcept {
    double total = 0.0;
    for (int j = 0; j < kSubs; ++j) {
      const int middle = scales[j];
      const int wide = (middle < 0 ? -middle : middle) / kReachDivisor + 1;
      const int most = first ? kMaxReach : kMaxReach / 2;
      const int reach = wide < kMinReach ? kMinReach : wide > most ? most : wide;
      float best = error_of(j, middle);
      for (int s = middle - reach; s <= middle + reach; ++s) {
        if (s == middle || s < -kHalfScale || s >= kHalfScale) continue;
        const float error = error_of(j, s);
        if (!(error < best)) continue;
        best = error;
        scales[j] = static_cast<std::int8_t>(s);
      }
      total += best;
    }
    return total;
  }

  // Least squares for d, given all integers. False when there is nothing to solve.
  bool solve_super_scales() noexcept {
    double p = 0.0, q = 0.0;
    for (int j = 0; j < kSubs; ++j) {
      const float inverse = safe_inverse(d.value * static_cast<float>(scales[j]));
      V16 sll = {}, sxl = {};
      for (int i = j * kSize; i < (j + 1) * kSize; i += 16) {
        const V16 l = level_at(i, inverse);
        const V16 wl = load<V16>(w_ + i) * l;
        sll += wl * l;
        sxl += wl * load<V16>(x_ + i);
      }
      const double s = scales[j];
      p += s * sum_lanes(sxl);
      q += s * s * sum_lanes(sll);
    }
    if (!(q > 0.0) || !(p != 0.0)) return false;
    d = half_scale(static_cast<float>(p / q));
    return true;
  }

  void store_codes() noexcept {
    for (int j = 0; j < kSubs; ++j) {
      const float inverse = safe_inverse(d.value * static_cast<float>(scales[j]));
      for (int i = j * kSize; i < (j + 1) * kSize; i += 16) {
        Coder::codes(load<V16>(x_ + i) * splat<V16>(inverse), codes + i);
      }
    }
  }

  const float* x_ = nullptr;
  const float* w_ = nullptr;
};

}  // namespace lathe::LATHE_CODEC_TIER
