// Coders: the levels that a scaled element can take, as the encoders see them.
//
//   level(v)       the nearest level, four at a time
//   codes(v, out)  the stored numbers of those levels
//   search(x, w)   the best scale for a sub-block on its own
#pragma once

#include <cstdint>

#include "quant/codecs/encoders/search.h"

namespace lathe::LATHE_CODEC_TIER {

// The integers -kHalf .. kHalf - 1, stored with an offset of kHalf.
template <int kHalf>
struct EvenLevels {
  static constexpr float kLow = static_cast<float>(-kHalf), kHigh = static_cast<float>(kHalf - 1);

  static V4 level(V4 v) noexcept { return round_clamped(v, kLow, kHigh); }
  static void codes(V4 v, std::uint8_t* out) noexcept {
    store_bytes(out, level(v) - splat<V4>(kLow));
  }
  template <int kSize>
  static float search(const float* x, const float* w) noexcept {
    return search_symmetric<kSize>(x, w, kHalf);
  }
};

// The 16 uneven levels of IQ4_NL and IQ4_XS (kernels/formats/codebooks.h), spelled out so that the
// compiler sees constants.
struct Iq4Levels {
  static constexpr float kLevels[16] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                        1,    13,   25,  38,  53,  69,  89,  113};

  static V4 level(V4 v) noexcept {
    V4 sum = splat<V4>(kLevels[0]);
    for (int i = 0; i < 15; ++i) {
      const V4 step = splat<V4>(kLevels[i + 1] - kLevels[i]);
      sum += v >= splat<V4>(0.5f * (kLevels[i] + kLevels[i + 1])) ? step : V4{};
    }
    return sum;
  }
  static void codes(V4 v, std::uint8_t* out) noexcept {
    V4 sum = {};
    for (int i = 0; i < 15; ++i) {
      sum += v >= splat<V4>(0.5f * (kLevels[i] + kLevels[i + 1])) ? splat<V4>(1.0f) : V4{};
    }
    store_bytes(out, sum);
  }
  template <int kSize>
  static float search(const float* x, const float* w) noexcept;
};

// Grid of roundings around both ways to map the largest element: to the lowest and to the highest
// level. Maximises (sum w x l)^2 / sum w l^2, which minimises the error of the best scale.
template <int kSize>
float Iq4Levels::search(const float* x, const float* w) noexcept {
  constexpr int kSteps = 7;
  const float top = signed_max<kSize>(x);
  if (std::fabs(top) < 1e-15f) return 0.0f;
  const float inverse_top = 1.0f / top;
  float best_scale = 0.0f, best_gain = 0.0f;
  const auto consider = [&](float inverse) noexcept {
    V4 p = {}, q = {};
    for (int i = 0; i < kSize; i += 4) {
      const V4 v = load<V4>(x + i);
      const V4 l = level(v * splat<V4>(inverse));
      const V4 wl = load<V4>(w + i) * l;
      p += wl * v;
      q += wl * l;
    }
    const float wxl = sum_lanes(p), wll = sum_lanes(q);
    if (wll > 0.0f && wxl * wxl > best_gain * wll) {
      best_scale = wxl / wll;
      best_gain = best_scale * wxl;
    }
  };
  for (int t = -kSteps; t <= kSteps; ++t) {
    consider((kLevels[0] + static_cast<float>(t)) * inverse_top);
    consider((kLevels[15] + static_cast<float>(t)) * inverse_top);
  }
  return best_scale;
}

}  // namespace lathe::LATHE_CODEC_TIER
