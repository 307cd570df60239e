// Formats with blocks of 32 and half-precision scales: Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, IQ4_NL.
//
// Unlike their direct definitions, all of them choose the scale by search and the codes for the
// scale as it is stored.
#include <cmath>

#include "kernels/formats/blocks.h"
#include "quant/codecs/encoders/block_scale.h"
#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/levels.h"
#include "quant/codecs/encoders/weights.h"
#include "quant/codecs/pack_scaled.h"

namespace lathe::LATHE_CODEC_TIER {
namespace {

constexpr int kSize = 32;
constexpr RoundingGrid kGrid = {-0.9f, 0.05f, 36};

float mean_square(const float* x, std::size_t n) noexcept {
  double sum = 0.0;
  for (std::size_t i = 0; i < n; i += kSize) sum += sum_of_squares<kSize>(x + i);
  return static_cast<float>(sum / static_cast<double>(n));
}

template <class Coder>
float error_of(const float* x, const float* w, float scale) noexcept {
  const float inverse = safe_inverse(scale);
  V16 sum = {};
  for (int i = 0; i < kSize; i += 16) {
    const V16 v = load<V16>(x + i);
    const V16 e = splat<V16>(scale) * Coder::level(v * splat<V16>(inverse)) - v;
    sum += load<V16>(w + i) * (e * e);
  }
  return sum_lanes(sum);
}

// The best of the stored scales within `reach` (a share) around `scale`. The error of 32 elements
// varies by a tenth and more between scales that differ by one hundredth: worth a walk.
template <class Coder>
HalfScale best_scale_around(const float* x, const float* w, float scale, float below, float above,
                            int n_steps) noexcept {
  HalfScale best = half_scale(scale);
  float least = error_of<Coder>(x, w, best.value);
  const float step = (below + above) / static_cast<float>(n_steps);
  for (int k = 0; k <= n_steps; ++k) {
    const HalfScale d = half_scale(scale * (1.0f - below + step * static_cast<float>(k)));
    const float error = error_of<Coder>(x, w, d.value);
    if (!(error < least)) continue;
    least = error;
    best = d;
  }
  return best;
}

// The stored scale of a block without minimum.
template <class Coder>
HalfScale find_scale(const float* x, const float* w) noexcept {
  return best_scale_around<Coder>(x, w, Coder::template search<kSize>(x, w), 0.05f, 0.05f, 25);
}

template <class Coder>
void codes_of(const float* x, float scale, std::uint8_t* codes) noexcept {
  const V16 inverse = splat<V16>(safe_inverse(scale));
  for (int i = 0; i < kSize; i += 16) Coder::codes(load<V16>(x + i) * inverse, codes + i);
}

struct StoredPair {
  HalfScale d, m;  // value = d * code + m
};

template <int kMaxCode>
V16 pair_codes(const float* x, const StoredPair& s, float inverse) noexcept {
  return round_clamped((load<V16>(x) - splat<V16>(s.m.value)) * splat<V16>(inverse), 0.0f,
                       static_cast<float>(kMaxCode));
}

template <int kMaxCode>
float error_of(const float* x, const float* w, const StoredPair& s) noexcept {
  const float inverse = safe_inverse(s.d.value);
  V16 sum = {};
  for (int i = 0; i < kSize; i += 16) {
    const V16 e = splat<V16>(s.d.value) * pair_codes<kMaxCode>(x + i, s, inverse) +
                  splat<V16>(s.m.value) - load<V16>(x + i);
    sum += load<V16>(w + i) * (e * e);
  }
  return sum_lanes(sum);
}

// Least squares for both numbers, given the codes that `s` gives; here the minimum may have either
// sign. `s` itself when the system is degenerate.
template <int kMaxCode>
StoredPair solved_pair(const float* x, const float* w, const StoredPair& s) noexcept {
  const float inverse = safe_inverse(s.d.value);
  V16 w_sum = {}, x_sum = {}, l_sum = {}, ll_sum = {}, xl_sum = {};
  for (int i = 0; i < kSize; i += 16) {
    const V16 v = load<V16>(x + i), u = load<V16>(w + i);
    const V16 l = pair_codes<kMaxCode>(x + i, s, inverse);
    w_sum += u;
    x_sum += u * v;
    l_sum += u * l;
    ll_sum += u * l * l;
    xl_sum += u * v * l;
  }
  const double sw = sum_lanes(w_sum), sx = sum_lanes(x_sum), sl = sum_lanes(l_sum);
  const double sll = sum_lanes(ll_sum), sxl = sum_lanes(xl_sum);
  const double determinant = sw * sll - sl * sl;
  if (!(determinant > 1e-6 * sw * sll)) return s;
  return {half_scale(static_cast<float>((sw * sxl - sx * sl) / determinant)),
          half_scale(static_cast<float>((sll * sx - sl * sxl) / determinant))};
}

// From several scales around the best rounding of the search, each solved for its codes.
template <int kMaxCode>
StoredPair find_scale_min(const float* x, const float* w) noexcept {
  constexpr int kReach = 8, kRounds = 3;
  constexpr float kStep = 0.01f;
  const ScaleMin found = search_scale_min<kSize>(x, w, kMaxCode, kGrid);
  StoredPair best = {half_scale(found.scale), half_scale(-found.min)};
  float least = error_of<kMaxCode>(x, w, best);
  const float middle = best.m.value + 0.5f * static_cast<float>(kMaxCode) * best.d.value;
  const StoredPair first = best;
  for (int k = -kReach; k <= kReach; ++k) {
    const float scale = first.d.value * (1.0f + kStep * static_cast<float>(k));
    const float low = middle - 0.5f * static_cast<float>(kMaxCode) * scale;
    StoredPair now = {half_scale(scale), half_scale(low)};
    for (int round = 0; round < kRounds; ++round) {
      now = solved_pair<kMaxCode>(x, w, now);
      const float error = error_of<kMaxCode>(x, w, now);
      if (!(error < least)) break;
      least = error;
      best = now;
    }
  }
  return best;
}

template <int kMaxCode>
void codes_of(const float* x, const StoredPair& s, std::uint8_t* codes) noexcept {
  const float inverse = safe_inverse(s.d.value);
  for (int i = 0; i < kSize; i += 16) {
    store_bytes(codes + i, pair_codes<kMaxCode>(x + i, s, inverse));
  }
}

struct ScaledCodes {
  HalfScale d;
  std::uint8_t codes[kSize];
};

template <class Coder>
ScaledCodes encode_scaled(const float* x, HalfScale d) noexcept {
  ScaledCodes out{d, {}};
  codes_of<Coder>(x, d.value, out.codes);
  return out;
}

struct PairCodes {
  HalfScale d, m;
  std::uint8_t codes[kSize];
};

template <int kMaxCode>
PairCodes encode_pair(const float* x, const float* w) noexcept {
  const StoredPair s = find_scale_min<kMaxCode>(x, w);
  PairCodes out{s.d, s.m, {}};
  codes_of<kMaxCode>(x, s, out.codes);
  return out;
}

// Calls encode(x, w, block) for each block of the row.
template <class Block, class Encode>
void for_blocks(const float* x, std::size_t n_cols, const float* importance, std::uint8_t* blocks,
                Encode encode) noexcept {
  auto* out = reinterpret_cast<Block*>(blocks);
  const float sigma2 = mean_square(x, n_cols);
  alignas(64) float w[kSize];
  for (std::size_t b = 0; b < n_cols / kSize; ++b) {
    const float* block_x = x + b * kSize;
    element_weights(block_x, importance == nullptr ? nullptr : importance + b * kSize, kSize,
                    sigma2, Protection::kStrong, w);
    encode(block_x, w, &out[b]);
  }
}

}  // namespace

void encode_q8_0(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  using Levels = EvenLevels<128>;
  for_blocks<BlockQ8_0>(x, n_cols, importance, blocks, [](auto* v, auto* w, auto* out) {
    const float plain = std::fabs(signed_max<kSize>(v)) / 127.0f;
    const HalfScale d = best_scale_around<Levels>(v, w, plain, 0.005f, 0.045f, 25);
    pack(encode_scaled<Levels>(v, d), out);
  });
}

void encode_q4_0(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_blocks<BlockQ4_0>(x, n_cols, importance, blocks, [](auto* v, auto* w, auto* out) {
    pack(encode_scaled<EvenLevels<8>>(v, find_scale<EvenLevels<8>>(v, w)), out);
  });
}

void encode_q5_0(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_blocks<BlockQ5_0>(x, n_cols, importance, blocks, [](auto* v, auto* w, auto* out) {
    pack(encode_scaled<EvenLevels<16>>(v, find_scale<EvenLevels<16>>(v, w)), out);
  });
}

void encode_iq4_nl(const float* x, std::size_t n_cols, const float* importance,
                   std::uint8_t* blocks) noexcept {
  for_blocks<BlockIQ4_NL>(x, n_cols, importance, blocks, [](auto* v, auto* w, auto* out) {
    pack(encode_scaled<Iq4Levels>(v, find_scale<Iq4Levels>(v, w)), out);
  });
}

void encode_q4_1(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_blocks<BlockQ4_1>(x, n_cols, importance, blocks,
                        [](auto* v, auto* w, auto* out) { pack(encode_pair<15>(v, w), out); });
}

void encode_q5_1(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_blocks<BlockQ5_1>(x, n_cols, importance, blocks,
                        [](auto* v, auto* w, auto* out) { pack(encode_pair<31>(v, w), out); });
}

}  // namespace lathe::LATHE_CODEC_TIER
