// Direct encoders of the formats with 4 and 5 bits, for KV caches: fast enough for every token, and
// better than rounding to the block's range. The one source for all tiers, so that all write the
// same bytes.
//
// A scale is the one that fits its codes best (least squares), for the best of a few first guesses;
// codes are the nearest ones under the scale as the block stores it.
#include "kernels/formats/blocks.h"
#include "kernels/formats/codebooks.h"
#include "kernels/half.h"
#include "kernels/scalar/parts.h"
#include "kernels/scalar/round.h"

namespace lathe {
namespace {

constexpr int kElems = 32;
constexpr float kSmallest = 0x1p-120f;  // below, a block counts as zero: no quotient overflows

inline int clamped(int q, int low, int high) noexcept {
  return q < low ? low : q > high ? high : q;
}

// Levels -N .. N - 1, evenly spaced.
template <int N>
struct EvenLevels {
  // The level that the value of the largest magnitude may become, before the fit.
  static constexpr float kGuesses[] = {-N, N - 1, 0.5f - N, N - 0.5f, -0.6f - N};

  static int nearest(float v) noexcept { return clamped(round_to_int(v), -N, N - 1); }
};

struct TableLevels {
  static constexpr float kGuesses[] = {-127, 113, -119, 106, -135};

  static int index(float v) noexcept {
    int i = 0;
    for (int k = 0; k < 15; ++k)
      i += v > 0.5f * static_cast<float>(kIq4Values[k] + kIq4Values[k + 1]);
    return i;
  }
  static int nearest(float v) noexcept { return kIq4Values[index(v)]; }
};

inline float extreme_of(const float* x) noexcept {
  float extreme = 0.0f, largest = 0.0f;
  for (int i = 0; i < kElems; ++i) {
    const float magnitude = x[i] < 0.0f ? -x[i] : x[i];
    if (magnitude > largest) largest = magnitude, extreme = x[i];
  }
  return largest < kSmallest ? 0.0f : extreme;
}

// The scale of a block whose values are scale * level.
template <class Levels>
float fitted_scale(const float* x) noexcept {
  const float extreme = extreme_of(x);
  if (extreme == 0.0f) return 0.0f;
  float unit[kElems];  // no larger than 1, so that squares stay finite
  const float inverse = 1.0f / extreme;
  for (int i = 0; i < kElems; ++i) unit[i] = x[i] * inverse;
  float best = 0.0f, scale = 0.0f;
  for (const float guess : Levels::kGuesses) {
    float xq = 0.0f, qq = 0.0f;
    for (int i = 0; i < kElems; ++i) {
      const auto q = static_cast<float>(Levels::nearest(unit[i] * guess));
      xq += unit[i] * q;
      qq += q * q;
    }
    // What the best scale for these levels, xq / qq, takes off the squared error.
    if (qq > 0.0f && xq * xq > best * qq) best = xq * xq / qq, scale = xq / qq;
  }
  return scale * extreme;
}

inline float inverse_of(float scale) noexcept { return scale == 0.0f ? 0.0f : 1.0f / scale; }

inline void put_nibbles(const int* codes, std::uint8_t* qs) noexcept {
  for (int j = 0; j < 16; ++j) {
    qs[j] = static_cast<std::uint8_t>((codes[j] & 15) | (codes[j + 16] & 15) << 4);
  }
}
inline void put_fifth_bits(const int* codes, std::uint8_t* qh) noexcept {
  for (int b = 0; b < 4; ++b) {
    int bits = 0;
    for (int e = 0; e < 8; ++e) bits |= (codes[8 * b + e] >> 4 & 1) << e;
    qh[b] = static_cast<std::uint8_t>(bits);
  }
}

// The codes of even levels, from 0.
template <int N, class Block>
inline void encode_even(const float* x, Block& b, int* codes) noexcept {
  b.d = f16_from_f32(fitted_scale<EvenLevels<N>>(x));
  const float inverse = inverse_of(f32_from_f16(b.d));
  for (int i = 0; i < kElems; ++i) codes[i] = EvenLevels<N>::nearest(x[i] * inverse) + N;
}

inline void encode_block(const float* x, BlockQ4_0& b) noexcept {
  int codes[kElems];
  encode_even<8>(x, b, codes);
  put_nibbles(codes, b.qs);
}

inline void encode_block(const float* x, BlockQ5_0& b) noexcept {
  int codes[kElems];
  encode_even<16>(x, b, codes);
  put_nibbles(codes, b.qs);
  put_fifth_bits(codes, b.qh);
}

inline void encode_block(const float* x, BlockIQ4_NL& b) noexcept {
  b.d = f16_from_f32(fitted_scale<TableLevels>(x));
  const float inverse = inverse_of(f32_from_f16(b.d));
  int codes[kElems];
  for (int i = 0; i < kElems; ++i) codes[i] = TableLevels::index(x[i] * inverse);
  put_nibbles(codes, b.qs);
}

// ---- scale and minimum

struct Line {
  float scale, minimum;
};

inline int nearest_on(Line line, float x, int most) noexcept {
  return clamped(round_to_int((x - line.minimum) * inverse_of(line.scale)), 0, most);
}

// The line through the codes' values that fits best, and the squared error of `line` itself.
inline Line refit(const float* x, Line line, int most, float* error) noexcept {
  float q1 = 0.0f, q2 = 0.0f, x1 = 0.0f, xq = 0.0f;
  *error = 0.0f;
  for (int i = 0; i < kElems; ++i) {
    const auto q = static_cast<float>(nearest_on(line, x[i], most));
    const float off = x[i] - (line.scale * q + line.minimum);
    *error += off * off;
    q1 += q;
    q2 += q * q;
    x1 += x[i];
    xq += x[i] * q;
  }
  const float n = kElems, spread = n * q2 - q1 * q1;
  if (!(spread > 0.0f)) return line;
  const float scale = (n * xq - q1 * x1) / spread;
  return {scale, (x1 - scale * q1) / n};
}

// Values are scale * q + minimum, q from 0 to `most`.
inline Line fitted_line(const float* x, int most) noexcept {
  float low = x[0], high = x[0];
  for (int i = 1; i < kElems; ++i) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  const float range = high - low;
  if (!(range >= kSmallest)) return {0.0f, low};
  float unit[kElems];  // from 0 to 1
  for (int i = 0; i < kElems; ++i) unit[i] = (x[i] - low) / range;
  Line line = {1.0f / static_cast<float>(most), 0.0f}, best = line;
  float least = __builtin_huge_valf();
  constexpr int kRounds = 3;
  for (int round = 0; round < kRounds; ++round) {
    float error;
    const Line next = refit(unit, line, most, &error);
    if (error < least) least = error, best = line;
    line = next;
  }
  return {best.scale * range, low + best.minimum * range};
}

template <class Block>
inline void encode_line(const float* x, int most, Block& b, int* codes) noexcept {
  const Line line = fitted_line(x, most);
  b.d = f16_from_f32(line.scale);
  b.m = f16_from_f32(line.minimum);
  const Line stored = {f32_from_f16(b.d), f32_from_f16(b.m)};
  for (int i = 0; i < kElems; ++i) codes[i] = nearest_on(stored, x[i], most);
}

inline void encode_block(const float* x, BlockQ4_1& b) noexcept {
  int codes[kElems];
  encode_line(x, 15, b, codes);
  put_nibbles(codes, b.qs);
}

inline void encode_block(const float* x, BlockQ5_1& b) noexcept {
  int codes[kElems];
  encode_line(x, 31, b, codes);
  put_nibbles(codes, b.qs);
  put_fifth_bits(codes, b.qh);
}

template <class Block>
void encode(const float* x, std::size_t n, void* blocks) noexcept {
  auto* b = static_cast<Block*>(blocks);
  for (std::size_t i = 0; i < n / kElems; ++i) encode_block(x + kElems * i, b[i]);
}

}  // namespace

void fill_scalar_cache_blocks(KernelTable& table) noexcept {
  table.encode[index_of(Format::Q4_0)] = encode<BlockQ4_0>;
  table.encode[index_of(Format::Q4_1)] = encode<BlockQ4_1>;
  table.encode[index_of(Format::Q5_0)] = encode<BlockQ5_0>;
  table.encode[index_of(Format::Q5_1)] = encode<BlockQ5_1>;
  table.encode[index_of(Format::IQ4_NL)] = encode<BlockIQ4_NL>;
}

}  // namespace lathe
