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
  V4 sum = {};
  for (int i = 0; i < kSize; i += 4) {
    const V4 v = load<V4>(x + i);
    const V4 e = splat<V4>(scale) * Coder::level(v * splat<V4>(inverse)) - v;
    sum += load<V4>(w + i) * (e * e);
  }
  return sum_lanes(sum);
}

// Least-squares scale for the codes that `scale` gives.
template <class Coder>
float solved_scale(const float* x, const float* w, float scale) noexcept {
  const float inverse = safe_inverse(scale);
  V4 p = {}, q = {};
  for (int i = 0; i < kSize; i += 4) {
    const V4 v = load<V4>(x + i);
    const V4 l = Coder::level(v * splat<V4>(inverse));
    p += load<V4>(w + i) * v * l;
    q += load<V4>(w + i) * l * l;
  }
  return sum_lanes(q) > 0.0f ? sum_lanes(p) / sum_lanes(q) : scale;
}

// The stored scale of a block without minimum.
template <class Coder>
HalfScale find_scale(const float* x, const float* w) noexcept {
  HalfScale best = half_scale(Coder::template search<kSize>(x, w));
  const HalfScale again = half_scale(solved_scale<Coder>(x, w, best.value));
  return error_of<Coder>(x, w, again.value) < error_of<Coder>(x, w, best.value) ? again : best;
}

template <class Coder>
void codes_of(const float* x, float scale, std::uint8_t* codes) noexcept {
  const float inverse = safe_inverse(scale);
  for (int i = 0; i < kSize; i += 4) Coder::codes(load<V4>(x + i) * splat<V4>(inverse), codes + i);
}

struct StoredPair {
  HalfScale d, m;  // value = d * code + m
};

template <int kMaxCode>
V4 pair_code4(const float* x, const StoredPair& s, float inverse) noexcept {
  return round_clamped((load<V4>(x) - splat<V4>(s.m.value)) * splat<V4>(inverse), 0.0f,
                       static_cast<float>(kMaxCode));
}

template <int kMaxCode>
float error_of(const float* x, const float* w, const StoredPair& s) noexcept {
  const float inverse = safe_inverse(s.d.value);
  V4 sum = {};
  for (int i = 0; i < kSize; i += 4) {
    const V4 e = splat<V4>(s.d.value) * pair_code4<kMaxCode>(x + i, s, inverse) +
                 splat<V4>(s.m.value) - load<V4>(x + i);
    sum += load<V4>(w + i) * (e * e);
  }
  return sum_lanes(sum);
}

// Least squares for both numbers, given the codes that `s` gives; here the minimum may have either
// sign. `s` itself when the system is degenerate.
template <int kMaxCode>
StoredPair solved_pair(const float* x, const float* w, const StoredPair& s) noexcept {
  const float inverse = safe_inverse(s.d.value);
  V4 sw4 = {}, sx4 = {}, sl4 = {}, sll4 = {}, sxl4 = {};
  for (int i = 0; i < kSize; i += 4) {
    const V4 v = load<V4>(x + i), u = load<V4>(w + i);
    const V4 l = pair_code4<kMaxCode>(x + i, s, inverse);
    sw4 += u;
    sx4 += u * v;
    sl4 += u * l;
    sll4 += u * l * l;
    sxl4 += u * v * l;
  }
  const double sw = sum_lanes(sw4), sx = sum_lanes(sx4), sl = sum_lanes(sl4), sll = sum_lanes(sll4),
               sxl = sum_lanes(sxl4);
  const double determinant = sw * sll - sl * sl;
  if (!(determinant > 1e-6 * sw * sll)) return s;
  return {half_scale(static_cast<float>((sw * sxl - sx * sl) / determinant)),
          half_scale(static_cast<float>((sll * sx - sl * sxl) / determinant))};
}

template <int kMaxCode>
StoredPair find_scale_min(const float* x, const float* w) noexcept {
  constexpr int kRounds = 4;
  const ScaleMin found = search_scale_min<kSize>(x, w, kMaxCode, kGrid);
  StoredPair best = {half_scale(found.scale), half_scale(-found.min)};
  float best_error = error_of<kMaxCode>(x, w, best);
  for (int round = 0; round < kRounds; ++round) {
    const StoredPair next = solved_pair<kMaxCode>(x, w, best);
    const float error = error_of<kMaxCode>(x, w, next);
    if (!(error < best_error)) break;
    best = next;
    best_error = error;
  }
  return best;
}

template <int kMaxCode>
void codes_of(const float* x, const StoredPair& s, std::uint8_t* codes) noexcept {
  const float inverse = safe_inverse(s.d.value);
  for (int i = 0; i < kSize; i += 4) {
    store_bytes(codes + i, pair_code4<kMaxCode>(x + i, s, inverse));
  }
}

void pack_nibbles(const std::uint8_t* codes, std::uint8_t* qs) noexcept {
  for (int j = 0; j < 16; ++j) {
    qs[j] = static_cast<std::uint8_t>((codes[j] & 15) | (codes[j + 16] & 15) << 4);
  }
}

void pack_fifth_bits(const std::uint8_t* codes, std::uint8_t* qh) noexcept {
  for (int b = 0; b < 4; ++b) {
    unsigned bits = 0;
    for (int i = 0; i < 8; ++i) bits |= static_cast<unsigned>(codes[8 * b + i] >> 4 & 1) << i;
    qh[b] = static_cast<std::uint8_t>(bits);
  }
}

// Calls encode(x, w, block) for each block of the row.
template <class Block, class Encode>
void for_blocks(const float* x, std::size_t n_cols, const float* importance, std::uint8_t* blocks,
                Encode encode) noexcept {
  auto* out = reinterpret_cast<Block*>(blocks);
  const float sigma2 = mean_square(x, n_cols);
  alignas(16) float w[kSize];
  for (std::size_t b = 0; b < n_cols / kSize; ++b) {
    const float* block_x = x + b * kSize;
    element_weights(block_x, importance == nullptr ? nullptr : importance + b * kSize, kSize,
                    sigma2, w);
    encode(block_x, w, &out[b]);
  }
}

}  // namespace

void encode_q8_0(const float* x, std::size_t n_cols, const float*, std::uint8_t* blocks) noexcept {
  auto* out = reinterpret_cast<BlockQ8_0*>(blocks);
  for (std::size_t b = 0; b < n_cols / kSize; ++b) {
    const float* v = x + b * kSize;
    const HalfScale d = half_scale(std::fabs(signed_max<kSize>(v)) / 127.0f);
    const float inverse = safe_inverse(d.value);
    out[b].d = d.bits;
    std::uint8_t codes[kSize];
    for (int i = 0; i < kSize; i += 4) {
      store_bytes(codes + i, round_clamped(load<V4>(v + i) * splat<V4>(inverse), -127.0f, 127.0f) +
                                 splat<V4>(128.0f));
    }
    for (int i = 0; i < kSize; ++i) out[b].qs[i] = static_cast<std::int8_t>(codes[i] - 128);
  }
}

void encode_q4_0(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_blocks<BlockQ4_0>(x, n_cols, importance, blocks, [](auto* v, auto* w, auto* out) {
    std::uint8_t codes[kSize];
    const HalfScale d = find_scale<EvenLevels<8>>(v, w);
    codes_of<EvenLevels<8>>(v, d.value, codes);
    out->d = d.bits;
    pack_nibbles(codes, out->qs);
  });
}

void encode_q5_0(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_blocks<BlockQ5_0>(x, n_cols, importance, blocks, [](auto* v, auto* w, auto* out) {
    std::uint8_t codes[kSize];
    const HalfScale d = find_scale<EvenLevels<16>>(v, w);
    codes_of<EvenLevels<16>>(v, d.value, codes);
    out->d = d.bits;
    pack_fifth_bits(codes, out->qh);
    pack_nibbles(codes, out->qs);
  });
}

void encode_iq4_nl(const float* x, std::size_t n_cols, const float* importance,
                   std::uint8_t* blocks) noexcept {
  for_blocks<BlockIQ4_NL>(x, n_cols, importance, blocks, [](auto* v, auto* w, auto* out) {
    std::uint8_t codes[kSize];
    const HalfScale d = find_scale<Iq4Levels>(v, w);
    codes_of<Iq4Levels>(v, d.value, codes);
    out->d = d.bits;
    pack_nibbles(codes, out->qs);
  });
}

void encode_q4_1(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_blocks<BlockQ4_1>(x, n_cols, importance, blocks, [](auto* v, auto* w, auto* out) {
    std::uint8_t codes[kSize];
    const StoredPair s = find_scale_min<15>(v, w);
    codes_of<15>(v, s, codes);
    out->d = s.d.bits;
    out->m = s.m.bits;
    pack_nibbles(codes, out->qs);
  });
}

void encode_q5_1(const float* x, std::size_t n_cols, const float* importance,
                 std::uint8_t* blocks) noexcept {
  for_blocks<BlockQ5_1>(x, n_cols, importance, blocks, [](auto* v, auto* w, auto* out) {
    std::uint8_t codes[kSize];
    const StoredPair s = find_scale_min<31>(v, w);
    codes_of<31>(v, s, codes);
    out->d = s.d.bits;
    out->m = s.m.bits;
    pack_fifth_bits(codes, out->qh);
    pack_nibbles(codes, out->qs);
  });
}

}  // namespace lathe::LATHE_CODEC_TIER
