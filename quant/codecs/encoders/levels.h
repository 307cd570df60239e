// Coders: the levels that a scaled element can take, as the encoders see them.
//
//   level(v)       the nearest level, lane by lane
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

  static V16 level(V16 v) noexcept { return round_clamped(v, kLow, kHigh); }
  static void codes(V16 v, std::uint8_t* out) noexcept {
    store_bytes(out, level(v) - splat<V16>(kLow));
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

  static V16 level(V16 v) noexcept {
    V16 sum = splat<V16>(kLevels[0]);
    for (int i = 0; i < 15; ++i) {
      const V16 step = splat<V16>(kLevels[i + 1] - kLevels[i]);
      sum += select(v >= splat<V16>(0.5f * (kLevels[i] + kLevels[i + 1])), step, V16{});
    }
    return sum;
  }
  static void codes(V16 v, std::uint8_t* out) noexcept {
    V16 sum = {};
    for (int i = 0; i < 15; ++i) {
      const auto above = v >= splat<V16>(0.5f * (kLevels[i] + kLevels[i + 1]));
      sum += select(above, splat<V16>(1.0f), V16{});
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
    V16 p = {}, q = {};
    for (int i = 0; i < kSize; i += 16) {
      const V16 v = load<V16>(x + i);
      const V16 l = level(v * splat<V16>(inverse));
      const V16 wl = load<V16>(w + i) * l;
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
