#include "quant/codecs/encoders/search.h"

namespace lathe::LATHE_CODEC_TIER {

float search_positive(const float* v, const float* w, int n, int n_max) noexcept {
  float top = 0.0f;
  for (int i = 0; i < n; ++i) top = v[i] > top ? v[i] : top;
  if (top < 1e-30f) return 0.0f;
  const float max_code = static_cast<float>(n_max);
  float best_scale = top / max_code, best_gain = -1.0f;
  for (int k = -4; k <= 4; ++k) {
    const float inverse = (max_code + 0.1f * static_cast<float>(k)) / top;
    double p = 0.0, q = 0.0;
    for (int i = 0; i < n; ++i) {
      const double l = round_clamped(inverse * v[i], 0.0f, max_code);
      p += w[i] * v[i] * l;
      q += w[i] * l * l;
    }
    if (q > 0.0 && p * p / q > best_gain) {
      best_scale = static_cast<float>(p / q);
      best_gain = static_cast<float>(p * p / q);
    }
  }
  return best_scale;
}

}  // namespace lathe::LATHE_CODEC_TIER
