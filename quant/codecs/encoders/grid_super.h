// Super-blocks of 256 in a grid format: IQ3_S, IQ3_XXS, IQ2_S, IQ2_XS, IQ2_XXS, IQ1_S, IQ1_M.
//
//   value = d * kUnit * (2 * code_j + 1) * (point + offset),   code_j in 0..kMaxCode per sub-block
//
// A Grid (grid_traits.h) says how many elements share a point (kDims) and a code
// (kSub), what becomes of signs (kSigns), which offsets there are (kOffsets) and whether a
// sub-block has one for all its points (kOneOffset), and how numbers round to levels. Each
// sub-block is searched alone; then several super-scales are tried, with codes chosen by the error
// that a decoder will see, and each improved by least squares for what was chosen. Last, some of
// what that takes from the values' size is given back (shrinkage.h).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "quant/codecs/encoders/block_scale.h"
#include "quant/codecs/encoders/grid_traits.h"
#include "quant/codecs/encoders/search.h"
#include "quant/codecs/encoders/shrinkage.h"
#include "quant/codecs/grid_table.h"

namespace lathe::LATHE_CODEC_TIER {

template <class Grid>
class GridSuper {
 public:
  static constexpr int kDims = Grid::kDims;
  static constexpr int kSub = Grid::kSub;
  static constexpr int kSubs = 256 / kSub;

  HalfScale d;
  std::uint8_t codes[kSubs];
  std::uint16_t indices[256 / kDims];
  std::uint8_t signs[32];             // bit j: element j of the 8 is negative
  std::uint8_t offsets[256 / kDims];  // index of each point's offset

  explicit GridSuper(const GridTable& table) noexcept : table_(table) {}

  // x, w: [256], w positive except where x and its neighbourhood are zero.
  void encode(const float* x, const float* w) noexcept {
    take_signs(x, w);
    float scales[kSubs], top = 0.0f;
    for (int j = 0; j < kSubs; ++j) {
      scales[j] = search_scale(j);
      top = scales[j] > top ? scales[j] : top;
    }
    choose_super_scale(scales, top);
    keep_all();
  }

 private:
  static constexpr int kVecs = kSub / 16;
  static constexpr int kGroups = 16 / kDims;  // points of a vector
  static constexpr int kOffsetCount = sizeof Grid::kOffsets / sizeof Grid::kOffsets[0];
  static constexpr float kTopCode = static_cast<float>(Grid::kMaxCode), kHuge = 3e38f;
  // Super-scales that are tried, as shares of the plain one; then rounds of least squares. Groups
  // of 4 have quality to spare, and are the slowest: they try fewer of both, their coarse walk
  // looks at fewer neighbours, and codes next to an ideal one this near to an integer are not
  // tried.
  static constexpr float kFactors[] = {0.94f, 1.07f, 1.15f, 1.24f, 1.35f};
  static constexpr int kFactorCount = kDims == 4 ? 4 : 5, kRounds = kDims == 4 ? 2 : 3;
  static constexpr int kFew = kDims == 4 ? 4 : kGridNeighbours;
  static constexpr float kClear = kDims == 4 ? 0.2f : 0.0f;
  static constexpr float kFlat = 0.55f;  // mean over largest magnitude; normal numbers have 0.4

  // Sums over a sub-block for its chosen points g. The error at scale s, less the part that no
  // choice changes, is s^2 q - 2 s p.
  struct Fit {
    float p = 0.0f, q = 0.0f;  // sum w m g, sum w g^2
    float error(float s) const noexcept { return s * (s * q - 2.0f * p); }
  };

  struct Trial {
    HalfScale d;
    std::uint8_t codes[kSubs];
    float error = 0.0f;
    float solved = 0.0f;  // least-squares super-scale for these codes and points
  };

  static float step_of(int code) noexcept { return static_cast<float>(2 * code + 1); }

  void take_signs(const float* x, const float* w) noexcept {
    std::memcpy(m_, x, sizeof m_);
    std::memcpy(w_, w, sizeof w_);
    if (Grid::kSigns != GridSigns::kInPoints) {
      for (int t = 0; t < 32; ++t) split_signs(t);
    }
    for (int i = 0; i < 256; i += 16) store(wm_ + i, load<V16>(w_ + i) * load<V16>(m_ + i));
  }

  void split_signs(int t) noexcept {
    float* m = m_ + 8 * t;
    unsigned bits = 0;
    for (int i = 0; i < 8; ++i) {
      bits |= static_cast<unsigned>(m[i] < 0.0f) << i;
      m[i] = std::fabs(m[i]);
    }
    if (Grid::kSigns == GridSigns::kEven && __builtin_parity(bits)) {
      const int i = cheapest_flip(t);
      bits ^= 1u << i;
      m[i] = -m[i];
    }
    signs[t] = static_cast<std::uint8_t>(bits);
  }

  // The element of the 8 that loses least when it is stored with the wrong sign, and so with the
  // lowest level; that level is about a fixed share of the root mean square.
  int cheapest_flip(int t) const noexcept {
    const float *m = m_ + 8 * t, *w = w_ + 8 * t;
    float square = 0.0f;
    for (int i = 0; i < 8; ++i) square += m[i] * m[i];
    const float lowest = Grid::kLowest * std::sqrt(square * 0.125f);
    int best = 0;
    float best_cost = 0.0f;
    for (int i = 0; i < 8; ++i) {
      const float wrong = m[i] + lowest, right = m[i] < lowest ? lowest - m[i] : 0.0f;
      const float cost = w[i] * (wrong * wrong - right * right);
      if (i == 0 || cost < best_cost) {
        best = i;
        best_cost = cost;
      }
    }
    return best;
  }

  // The best points for sub-block j at scale s, as sums; of the first kNear neighbours.
  template <int kNear = kGridNeighbours>
  Fit fit(int j, float s) noexcept {
    if constexpr (!Grid::kOneOffset) return project<false, kNear>(j, s, 0, kOffsetCount);
    const Fit first = project<false, kNear>(j, s, 0, 1);
    const Fit second = project<false, kNear>(j, s, 1, 2);
    return second.error(s) < first.error(s) ? second : first;
  }

  // Keeps their indices and offsets.
  Fit keep(int j, float s) noexcept {
    if constexpr (!Grid::kOneOffset) return project<true>(j, s, 0, kOffsetCount);
    const bool second = project<false>(j, s, 1, 2).error(s) < project<false>(j, s, 0, 1).error(s);
    return project<true>(j, s, second ? 1 : 0, second ? 2 : 1);
  }

  // Points for the chosen scales; then the super-scale that restores some of their size.
  void keep_all() noexcept {
    double xy = 0.0;
    for (int j = 0; j < kSubs; ++j) {
      const float s = d.value * Grid::kUnit * step_of(codes[j]);
      xy += static_cast<double>(s) * keep(j, s).p;
    }
    V16 xx = {};
    for (int i = 0; i < 256; i += 16) xx += load<V16>(wm_ + i) * load<V16>(m_ + i);
    d = half_scale(d.value * restoring_factor(sum_lanes(xx), xy, Grid::kRestored));
  }

  // With offsets [first_offset, last_offset) to choose from.
  template <bool kStore, int kNear = kGridNeighbours>
  Fit project(int j, float s, int first_offset, int last_offset) noexcept {
    V16 p = {}, q = {};
    const float inverse = safe_inverse(s);
    for (int v = 0; v < kVecs; ++v) {
      const int at = j * kSub + 16 * v;
      const V16 m = load<V16>(m_ + at), w = load<V16>(w_ + at), wm = load<V16>(wm_ + at);
      const V16 square = w * splat<V16>(s * s), linear = wm * splat<V16>(2.0f * s);
      V16 best = {}, choice = {}, least = splat<V16>(kHuge);
      for (int o = first_offset; o < last_offset; ++o) {
        const V16 offset = splat<V16>(Grid::kOffsets[o]);
        const std::uint16_t* candidates[kGroups];
        find_candidates(m * splat<V16>(inverse) - offset, candidates);
        for (int k = 0; k < kNear; ++k) {
          const V16 g = points_of(candidates, k) + offset;
          const V16 error = sum_groups<kDims>((square * g - linear) * g);
          const auto better = error < least;
          least = select(better, error, least);
          best = select(better, g, best);
          if (kStore) {
            const int index = kGridNeighbours * o + k;
            choice = select(better, splat<V16>(static_cast<float>(index)), choice);
          }
        }
      }
      p += wm * best;
      q += w * best * best;
      if (kStore) keep_choice(at, m * splat<V16>(inverse), choice);
    }
    return {sum_lanes(p), sum_lanes(q)};
  }

  // The neighbours of each group's cell; v is in units of points.
  void find_candidates(V16 v, const std::uint16_t** candidates) const noexcept {
    constexpr float kTop = static_cast<float>(Grid::kLevels - 1);
    const V16 level =
        round_clamped(v * splat<V16>(Grid::kPerLevel) - splat<V16>(Grid::kFirstLevel), 0.0f, kTop);
    float cells[16];
    store(cells, sum_groups<kDims>(level * load<V16>(Grid::kDigits)));
    for (int i = 0; i < kGroups; ++i) {
      candidates[i] = table_.neighbours + static_cast<int>(cells[i * kDims]) * kGridNeighbours;
    }
  }

  V16 points_of(const std::uint16_t* const* candidates, int k) const noexcept {
    const auto point = [&](int i) noexcept { return table_.points + candidates[i][k] * kDims; };
    if constexpr (kDims == 8) {
      return combine(load<V8>(point(0)), load<V8>(point(1)));
    } else {
      return combine(combine(load<V4>(point(0)), load<V4>(point(1))),
                     combine(load<V4>(point(2)), load<V4>(point(3))));
    }
  }

  void keep_choice(int at, V16 v, V16 choice) noexcept {
    float chosen[16];
    store(chosen, choice);
    for (int i = 0; i < kGroups; ++i) {
      const int index = static_cast<int>(chosen[i * kDims]);
      const int o = index / kGridNeighbours;
      const std::uint16_t* candidates[kGroups];
      find_candidates(v - splat<V16>(Grid::kOffsets[o]), candidates);
      indices[at / kDims + i] = candidates[i][index % kGridNeighbours];
      offsets[at / kDims + i] = static_cast<std::uint8_t>(o);
    }
  }

  // The best scale of sub-block j on its own: a coarse walk over roundings, then a fine one.
  float search_scale(int j) noexcept {
    V16 top16 = abs(load<V16>(m_ + j * kSub)), sum16 = top16;
    for (int v = 1; v < kVecs; ++v) {
      const V16 size = abs(load<V16>(m_ + j * kSub + 16 * v));
      top16 = max(top16, size);
      sum16 += size;
    }
    const float highest = max_lane(top16), top = highest / Grid::kMaxPoint;
    if (top < 1e-20f) return 0.0f;
    float best_scale = top, best_gain = 0.0f;
    const auto consider = [&](const Fit& found) noexcept {
      if (found.p > 0.0f && found.p * found.p > best_gain * found.q) {
        best_scale = found.p / found.q;
        best_gain = best_scale * found.p;
      }
    };
    for (int k = 0; k < Grid::kSteps; ++k) {
      consider(fit<kFew>(j, top * (Grid::kFirst - Grid::kStep * static_cast<float>(k))));
    }
    if (sum_lanes(sum16) > kFlat * kSub * highest) {  // all magnitudes near a low level
      for (const float by : {1.5f, 2.2f, 3.3f, Grid::kMaxPoint / Grid::kMinPoint}) {
        consider(fit(j, top * by));
      }
    }
    const float middle = best_scale;
    for (const float by : {-0.06f, -0.03f, 0.03f, 0.06f}) consider(fit(j, middle * (1.0f + by)));
    return best_scale;
  }

  void choose_super_scale(const float* scales, float top) noexcept {
    if (!(top > 0.0f)) {
      d = {};
      for (int j = 0; j < kSubs; ++j) codes[j] = 0;
      return;
    }
    const float unit = top / step_of(Grid::kMaxCode);
    Trial best = trial(scales, unit);
    const auto consider = [&](float super) noexcept {
      const Trial now = trial(scales, super);
      const bool better = now.error < best.error;
      if (better) best = now;
      return better;
    };
    for (int k = 0; k < kFactorCount; ++k) consider(unit * kFactors[k]);
    for (int round = 0; round < kRounds && consider(best.solved); ++round) {
    }
    d = best.d;
    for (int j = 0; j < kSubs; ++j) codes[j] = best.codes[j];
  }

  // For super-scale `super` (rounded as it is stored): of the two codes around each sub-block's
  // scale the one with the smaller error.
  Trial trial(const float* scales, float super) noexcept {
    Trial out;
    out.d = half_scale(super / Grid::kUnit);
    const float unit = out.d.value * Grid::kUnit, inverse = safe_inverse(unit);
    float p = 0.0f, q = 0.0f;
    for (int j = 0; j < kSubs; ++j) {
      const float position = 0.5f * (scales[j] * inverse - 1.0f);
      const int nearest = static_cast<int>(round_clamped(position, 0.0f, kTopCode));
      const int other = position > static_cast<float>(nearest) ? nearest + 1 : nearest - 1;
      Fit best = fit(j, unit * step_of(nearest));
      float error = best.error(unit * step_of(nearest));
      out.codes[j] = static_cast<std::uint8_t>(nearest);
      const bool clear = std::fabs(position - static_cast<float>(nearest)) < kClear;
      if (!clear && other >= 0 && other <= Grid::kMaxCode) {
        const Fit second = fit(j, unit * step_of(other));
        const float second_error = second.error(unit * step_of(other));
        if (second_error < error) {
          best = second;
          error = second_error;
          out.codes[j] = static_cast<std::uint8_t>(other);
        }
      }
      const float step = step_of(out.codes[j]);
      out.error += error;
      p += step * best.p;
      q += step * step * best.q;
    }
    out.solved = q > 0.0f && p > 0.0f ? p / q : unit;
    return out;
  }

  const GridTable& table_;
  alignas(64) float m_[256], w_[256], wm_[256];  // numbers, weights, their product
};

}  // namespace lathe::LATHE_CODEC_TIER
