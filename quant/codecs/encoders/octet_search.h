// The points, signs and offset for 8 numbers in a grid format that cost least under a quadratic
// form. The form is near its diagonal, so the points nearest to the numbers' cell are looked at, as
// in grid_super.h; but by what they cost under the form.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "quant/codecs/encoders/grid_traits.h"
#include "quant/codecs/encoders/octet_form.h"
#include "quant/codecs/encoders/search.h"
#include "quant/codecs/grid_table.h"

namespace lathe::LATHE_CODEC_TIER {

struct OctetChoice {
  float cost = 3e38f;
  float values[8];
  std::uint16_t indices[2];
  std::uint8_t signs = 0, offset = 0;
};

// kSignRows[bits][j] = bit j ? -1 : 1
struct SignRows {
  float rows[256][8];
  constexpr SignRows() noexcept : rows() {
    for (int bits = 0; bits < 256; ++bits) {
      for (int j = 0; j < 8; ++j) rows[bits][j] = (bits >> j & 1) != 0 ? -1.0f : 1.0f;
    }
  }
};
alignas(64) static constexpr SignRows kSignRows;

// 8 small integers as floats.
static inline V8 load_integers(const std::int8_t* p) noexcept {
#if defined(__AVX2__)
  return (V8)_mm256_cvtepi32_ps(
      _mm256_cvtepi8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(p))));
#else
  float out[8];
  for (int i = 0; i < 8; ++i) out[i] = p[i];
  return load<V8>(out);
#endif
}

template <class Grid>
class OctetSearch {
 public:
  OctetSearch(const GridTable& table, const OctetForm& form) noexcept
      : table_(table), form_(form) {}

  // ideal: [8]; offsets [first_offset, last_offset) of the grid to choose from.
  OctetChoice best(const float* ideal, float scale, int first_offset,
                   int last_offset) const noexcept {
    const Scale s = {scale, safe_inverse(scale)};
    if constexpr (kDims == 4) return best_of_two(ideal, s);
    if constexpr (Grid::kSigns == GridSigns::kInPoints) {
      OctetChoice best;
      for (int o = first_offset; o < last_offset; ++o) {
        OctetChoice now = with_signs(ideal, s, 0, Grid::kOffsets[o]);
        now.offset = static_cast<std::uint8_t>(o);
        if (now.cost < best.cost) best = now;
      }
      return best;
    }
    const unsigned signs = signs_of<8>(ideal);
    if (Grid::kSigns == GridSigns::kFree || !__builtin_parity(signs)) {
      return with_signs(ideal, s, signs, 0.0f);
    }
    const Flips flips = cheapest_flips<8>(ideal, form_.diagonal);
    const OctetChoice first = with_signs(ideal, s, signs ^ flips.first, 0.0f);
    const OctetChoice second = with_signs(ideal, s, signs ^ flips.second, 0.0f);
    return second.cost < first.cost ? second : first;
  }

 private:
  static constexpr int kDims = Grid::kDims;
  using V = std::conditional_t<kDims == 8, V8, V4>;

  struct Scale {
    float value, inverse;
  };
  struct Point {
    float cost;
    std::uint16_t index;
  };
  struct Flips {
    unsigned first, second;
  };

  template <int kCount>
  static unsigned signs_of(const float* x) noexcept {
    unsigned bits = 0;
    for (int j = 0; j < kCount; ++j) bits |= static_cast<unsigned>(x[j] < 0.0f) << j;
    return bits;
  }

  // The two elements that lose least with the wrong sign, as bits.
  template <int kCount>
  static Flips cheapest_flips(const float* x, const float* weights) noexcept {
    float first = 3e38f, second = 3e38f;
    Flips flips = {1, 2};
    for (int j = 0; j < kCount; ++j) {
      const float loss = weights[j] * std::fabs(x[j]);
      if (loss < first) {
        second = first;
        flips.second = flips.first;
        first = loss;
        flips.first = 1u << j;
      } else if (loss < second) {
        second = loss;
        flips.second = 1u << j;
      }
    }
    return flips;
  }

  // One point of 8.
  OctetChoice with_signs(const float* ideal, const Scale& s, unsigned signs,
                         float offset) const noexcept {
    OctetChoice out;
    out.signs = static_cast<std::uint8_t>(signs);
    const Point point = nearest(ideal, s, signs, offset, 0);
    out.cost = point.cost;
    out.indices[0] = point.index;
    values_of(point, s, signs, offset, out.values);
    return out;
  }

  // Two points of 4; where signs have parity, each parity of the first 4 is tried.
  OctetChoice best_of_two(const float* ideal, const Scale& s) const noexcept {
    const unsigned signs = signs_of<4>(ideal);
    const OctetChoice plain = two_points(ideal, s, signs);
    if constexpr (Grid::kSigns == GridSigns::kFree) return plain;
    const OctetChoice flipped =
        two_points(ideal, s, signs ^ cheapest_flips<4>(ideal, form_.diagonal).first);
    return flipped.cost < plain.cost ? flipped : plain;
  }

  OctetChoice two_points(const float* ideal, const Scale& s, unsigned signs) const noexcept {
    OctetChoice out;
    const Point first = nearest(ideal, s, signs, 0.0f, 0);
    values_of(first, s, signs, 0.0f, out.values);
    float rest[4];
    for (int j = 0; j < 4; ++j) {
      rest[j] = ideal[4 + j];
      for (int k = 0; k < 4; ++k) rest[j] += (ideal[k] - out.values[k]) * form_.carry[k][j];
    }
    unsigned more = signs_of<4>(rest);
    if (Grid::kSigns == GridSigns::kEven && __builtin_parity(signs ^ more)) {
      more ^= cheapest_flips<4>(rest, form_.diagonal + 4).first;
    }
    const Point second = nearest(rest, s, more, 0.0f, 4);
    values_of(second, s, more, 0.0f, out.values + 4);
    out.cost = first.cost + second.cost;
    out.indices[0] = first.index;
    out.indices[1] = second.index;
    out.signs = static_cast<std::uint8_t>(signs | more << 4);
    return out;
  }

  // The best point for numbers `at` .. at + kDims - 1 of the form. Lanes are neighbours.
  Point nearest(const float* ideal, const Scale& s, unsigned signs, float offset,
                int at) const noexcept {
    constexpr float kTop = static_cast<float>(Grid::kLevels - 1);
    const float* sign = kSignRows.rows[signs];
    const V scaled = load<V>(ideal) * load<V>(sign) * splat<V>(s.inverse) - splat<V>(offset);
    const V level =
        round_clamped(scaled * splat<V>(Grid::kPerLevel) - splat<V>(Grid::kFirstLevel), 0.0f, kTop);
    const int cell = static_cast<int>(sum_lanes(level * load<V>(Grid::kDigits)));
    const std::int8_t* coordinates = table_.coordinates + cell * kDims * kGridNeighbours;
    V8 x[kDims], cost = {};
    for (int j = 0; j < kDims; ++j) {
      x[j] = splat<V8>(ideal[j] - s.value * offset) -
             splat<V8>(s.value * sign[j]) * load_integers(coordinates + j * kGridNeighbours);
      V8 y = x[0] * splat<V8>(form_.u[at][at + j]);
      for (int k = 1; k <= j; ++k) y += x[k] * splat<V8>(form_.u[at + k][at + j]);
      cost += y * y;
    }
    float costs[kGridNeighbours];
    store(costs, cost);
    int best = 0;
    for (int k = 1; k < kGridNeighbours; ++k) best = costs[k] < costs[best] ? k : best;
    return {costs[best], table_.neighbours[cell * kGridNeighbours + best]};
  }

  void values_of(const Point& point, const Scale& s, unsigned signs, float offset,
                 float* values) const noexcept {
    const V points = load<V>(table_.points + point.index * kDims);
    store(values, splat<V>(s.value) * (points + splat<V>(offset)) * load<V>(kSignRows.rows[signs]));
  }

  const GridTable& table_;
  const OctetForm& form_;
};

}  // namespace lathe::LATHE_CODEC_TIER
