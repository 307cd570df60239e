// TQ1_0 and TQ2_0: -d, 0 or d for each of 256 elements. Weights that are ternary already keep their
// values; others get the scale with the least weighted error.
#include <cmath>
#include <cstring>

#include "kernels/formats/blocks.h"
#include "quant/codecs/encoders/block_scale.h"
#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/super_rows.h"

namespace lathe::LATHE_CODEC_TIER {
namespace {

struct Ternary {
  HalfScale d;
  std::uint8_t digits[kSuper];  // 0, 1, 2
};

struct Sums {
  float p, q;  // sum w x l, sum w l^2
};

Sums sums_at(const float* x, const float* w, float scale) noexcept {
  const V16 inverse = splat<V16>(safe_inverse(scale));
  V16 p = {}, q = {};
  for (int i = 0; i < kSuper; i += 16) {
    const V16 v = load<V16>(x + i), l = round_clamped(v * inverse, -1.0f, 1.0f);
    const V16 wl = load<V16>(w + i) * l;
    p += wl * v;
    q += wl * l;
  }
  return {sum_lanes(p), sum_lanes(q)};
}

// The largest magnitude first, so that ternary weights are kept; then smaller ones, each improved
// by least squares. Maximises (sum w x l)^2 / sum w l^2.
float find_scale(const float* x, const float* w) noexcept {
  constexpr int kSteps = 20;
  constexpr float kStep = 0.045f;
  const float top = std::fabs(signed_max<kSuper>(x));
  if (top < 1e-20f) return 0.0f;
  float best = top, best_gain = 0.0f;
  for (int k = 0; k < kSteps; ++k) {
    const Sums s = sums_at(x, w, top * (1.0f - kStep * static_cast<float>(k)));
    if (s.q > 0.0f && s.p * s.p > best_gain * s.q) {
      best = s.p / s.q;
      best_gain = best * s.p;
    }
  }
  return best;
}

Ternary encode_ternary(const float* x, const float* w) noexcept {
  Ternary out;
  out.d = half_scale(find_scale(x, w));
  const V16 inverse = splat<V16>(safe_inverse(out.d.value));
  for (int i = 0; i < kSuper; i += 16) {
    store_bytes(out.digits + i,
                round_clamped(load<V16>(x + i) * inverse, -1.0f, 1.0f) + splat<V16>(1.0f));
  }
  return out;
}

// Digits of a byte, the first one most significant, as a fraction of 256 rounded up, so that
// multiplying by 3 brings them out one by one.
template <int kDigits>
std::uint8_t packed_digits(const std::uint8_t* digits, int stride) noexcept {
  unsigned number = 0;
  for (int n = 0; n < 5; ++n) number = 3 * number + (n < kDigits ? digits[n * stride] : 0u);
  return static_cast<std::uint8_t>((number * 256 + 242) / 243);
}

}  // namespace

void encode_tq1_0(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockTQ1_0>(x, n_cols, importance, 1.0f, blocks,
                               [](auto* v, auto* w, auto* out) {
                                 const Ternary t = encode_ternary(v, w);
                                 out->d = t.d.bits;
                                 for (int m = 0; m < 32; ++m)
                                   out->qs[m] = packed_digits<5>(t.digits + m, 32);
                                 for (int m = 0; m < 16; ++m)
                                   out->qs[32 + m] = packed_digits<5>(t.digits + 160 + m, 16);
                                 for (int m = 0; m < 4; ++m)
                                   out->qh[m] = packed_digits<4>(t.digits + 240 + m, 4);
                               });
}

void encode_tq2_0(const float* x, std::size_t n_cols, const float* importance,
                  std::uint8_t* blocks) noexcept {
  for_super_blocks<BlockTQ2_0>(x, n_cols, importance, 1.0f, blocks,
                               [](auto* v, auto* w, auto* out) {
                                 const Ternary t = encode_ternary(v, w);
                                 out->d = t.d.bits;
                                 for (int i = 0; i < 64; ++i) {
                                   const std::uint8_t* digits = t.digits + 128 * (i / 32) + i % 32;
                                   unsigned byte = 0;
                                   for (int p = 0; p < 4; ++p)
                                     byte |= static_cast<unsigned>(digits[32 * p]) << 2 * p;
                                   out->qs[i] = static_cast<std::uint8_t>(byte);
                                 }
                               });
}

}  // namespace lathe::LATHE_CODEC_TIER
