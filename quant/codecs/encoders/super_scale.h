// Super-blocks of 256 whose sub-blocks have a signed integer scale: Q3_K, Q6_K, IQ4_XS.
//
//   value = (d * scale_j) * level,   scale_j in [-kHalfScale, kHalfScale - 1]
//
// A Coder (quant/codecs/encoders/levels.h) says which levels there are. The method is that of
// super_min.h.
#pragma once

#include <cstdint>

#include "quant/codecs/encoders/block_scale.h"
#include "quant/codecs/encoders/search.h"

namespace lathe::LATHE_CODEC_TIER {

template <class Coder, int kSubs, int kHalfScale>
class SuperScale {
 public:
  static constexpr int kSize = 256 / kSubs;
  static constexpr int kRounds = 1;

  HalfScale d;
  std::int8_t scales[kSubs];
  std::uint8_t codes[256];  // of the Coder

  void encode(const float* x, const float* w) noexcept {
    x_ = x;
    w_ = w;
    initialise();
    double error = improve_scales();
    for (int round = 0; round < kRounds; ++round) {
      const SuperScale before = *this;
      if (!solve_super_scale()) break;
      const double now = improve_scales();
      if (now >= error) {
        *this = before;
        break;
      }
      error = now;
    }
    store_codes();
  }

 private:
  static constexpr int kVecs = kSize / 4;

  void initialise() noexcept {
    alignas(16) float s[kSubs], sw[kSubs];
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

  V4 level4(int j, int i, float inverse) const noexcept {
    return Coder::level(load<V4>(x_ + j * kSize + 4 * i) * splat<V4>(inverse));
  }

  float error_of(int j, int scale_code) const noexcept {
    const float scale = d.value * static_cast<float>(scale_code);
    const float inverse = safe_inverse(scale);
    V4 sum = {};
    for (int i = 0; i < kVecs; ++i) {
      const V4 e = splat<V4>(scale) * level4(j, i, inverse) - load<V4>(x_ + j * kSize + 4 * i);
      sum += load<V4>(w_ + j * kSize + 4 * i) * (e * e);
    }
    return sum_lanes(sum);
  }

  double improve_scales() noexcept {
    double total = 0.0;
    for (int j = 0; j < kSubs; ++j) {
      float best = error_of(j, scales[j]);
      const auto consider = [&](int s) noexcept {
        if (s < -kHalfScale || s >= kHalfScale) return false;
        const float error = error_of(j, s);
        if (!(error < best)) return false;
        best = error;
        scales[j] = static_cast<std::int8_t>(s);
        return true;
      };
      const int s = scales[j];
      if (!consider(s + 1)) consider(s - 1);
      total += best;
    }
    return total;
  }

  bool solve_super_scale() noexcept {
    double p = 0.0, q = 0.0;
    for (int j = 0; j < kSubs; ++j) {
      const float inverse = safe_inverse(d.value * static_cast<float>(scales[j]));
      V4 sll4 = {}, sxl4 = {};
      for (int i = 0; i < kVecs; ++i) {
        const V4 l = level4(j, i, inverse);
        const V4 wl = load<V4>(w_ + j * kSize + 4 * i) * l;
        sll4 += wl * l;
        sxl4 += wl * load<V4>(x_ + j * kSize + 4 * i);
      }
      const double s = scales[j];
      p += s * sum_lanes(sxl4);
      q += s * s * sum_lanes(sll4);
    }
    if (!(q > 0.0) || !(p != 0.0)) return false;
    d = half_scale(static_cast<float>(p / q));
    return true;
  }

  void store_codes() noexcept {
    for (int j = 0; j < kSubs; ++j) {
      const float inverse = safe_inverse(d.value * static_cast<float>(scales[j]));
      for (int i = j * kSize; i < (j + 1) * kSize; i += 4) {
        Coder::codes(load<V4>(x_ + i) * splat<V4>(inverse), codes + i);
      }
    }
  }

  const float* x_ = nullptr;
  const float* w_ = nullptr;
};

}  // namespace lathe::LATHE_CODEC_TIER
