// The inner loops of calibrated rounding for formats with scales (quant/codecs/rounding_kernels.h).
#include "quant/codecs/rounding_kernels.h"

#include "quant/codecs/encoders/encoders.h"
#include "quant/codecs/encoders/levels.h"

namespace lathe::LATHE_CODEC_TIER {
namespace {

// Two registers of rows at a time: what is loaded for a column serves both, and the chains of
// dependent steps from one column to the next are two.
using V32 = Halves<V16>;
constexpr std::size_t kWide = kRoundingStep, kStride = kRoundingLanes;

struct IntegerLevels {
  explicit IntegerLevels(const LevelSet& set) noexcept : low(set.low), high(set.high) {}
  V32 level(V32 v) const noexcept { return round_clamped(v, low, high); }
  void store_codes(V32 level, std::uint8_t* out) const noexcept {
    store_bytes(out, level - splat<V32>(low));
  }
  float low, high;
};

struct UnevenLevels {
  explicit UnevenLevels(const LevelSet&) noexcept {}
  V32 level(V32 v) const noexcept { return {Iq4Levels::level(v.lo), Iq4Levels::level(v.hi)}; }
  void store_codes(V32 level, std::uint8_t* out) const noexcept {
    Iq4Levels::codes(level.lo, out);
    Iq4Levels::codes(level.hi, out + 16);
  }
};

V32 safe_inverse(V32 v) noexcept {
  return select(abs(v) < splat<V32>(0x1p-100f), V32{}, splat<V32>(1.0f) / v);
}

// One row's pair of a scale and a minimum in each lane.
struct ScalePair {
  V32 scale, min, inverse;

  ScalePair(const float* scales, const float* mins) noexcept
      : scale(load<V32>(scales)), min(load<V32>(mins)), inverse(safe_inverse(scale)) {}
};

template <class Levels, int kSize>
class SubBlockTrials {
 public:
  explicit SubBlockTrials(const SubBlockRounding& work) noexcept
      : work_(work), levels_(work.levels) {
    for (int j = 0; j < kSize; ++j) {
      for (int k = 0; k < j; ++k) {
        feedback_[j][k] = work.feedback[static_cast<std::size_t>(k) * work.feedback_stride +
                                        static_cast<std::size_t>(j)];
      }
    }
  }

  // Rows [row, row + kWide).
  void choose(std::size_t row) noexcept {
    V32 least = splat<V32>(3e38f), choice = {};
    for (int c = 0; c < work_.n_candidates; ++c) {
      const V32 cost = round<false>(row, candidate(c, row));
      const auto better = cost < least;
      least = select(better, cost, least);
      choice = select(better, splat<V32>(static_cast<float>(c)), choice);
    }
    float choices[kWide], scales[kWide], mins[kWide];
    store(choices, choice);
    for (std::size_t i = 0; i < kWide; ++i) {
      const int c = static_cast<int>(choices[i]);
      work_.choices[row + i] = c;
      scales[i] = work_.scales[static_cast<std::size_t>(c) * kStride + row + i];
      mins[i] = work_.mins[static_cast<std::size_t>(c) * kStride + row + i];
    }
    store(work_.costs + row, round<true>(row, ScalePair(scales, mins)));
  }

 private:
  ScalePair candidate(int c, std::size_t row) const noexcept {
    const std::size_t at = static_cast<std::size_t>(c) * kStride + row;
    return {work_.scales + at, work_.mins + at};
  }

  // Rounds column after column, each with the errors of those before it; the cost.
  template <bool kStore>
  V32 round(std::size_t row, const ScalePair& pair) noexcept {
    V32 errors[kSize];
    V32 cost = {};
    for (int j = 0; j < kSize; ++j) {
      const std::size_t at = static_cast<std::size_t>(j) * kStride + row;
      V32 even = load<V32>(work_.wanted + at), odd = {};
      int k = 0;
      for (; k + 1 < j; k += 2) {
        even += errors[k] * splat<V32>(feedback_[j][k]);
        odd += errors[k + 1] * splat<V32>(feedback_[j][k + 1]);
      }
      if (k < j) even += errors[k] * splat<V32>(feedback_[j][k]);
      const V32 wanted = even + odd;
      const V32 level = levels_.level((wanted + pair.min) * pair.inverse);
      const V32 value = pair.scale * level - pair.min, miss = wanted - value;
      cost += splat<V32>(work_.weights[j]) * (miss * miss);
      errors[j] = load<V32>(work_.target + at) - value;
      if constexpr (kStore) {
        store(work_.errors + at, errors[j]);
        levels_.store_codes(level, work_.codes + at);
      }
    }
    return cost;
  }

  const SubBlockRounding& work_;
  Levels levels_;
  float feedback_[kSize][kSize];
};

template <class Levels, int kSize>
void round_with(const SubBlockRounding& work) noexcept {
  SubBlockTrials<Levels, kSize> trials(work);
  for (std::size_t row = 0; row < work.n_rows; row += kWide) trials.choose(row);
}

template <class Levels>
void round_with(const SubBlockRounding& work) noexcept {
  work.n_cols == 16 ? round_with<Levels, 16>(work) : round_with<Levels, 32>(work);
}

// Coordinate descent over rows [row, row + kWide).
template <class Levels>
void sweep_rows(const Sweep& work, std::size_t row) noexcept {
  const Levels levels(work.levels);
  V32 changes = {};
  for (std::size_t j = 0; j < work.n_cols; ++j) {
    const std::size_t at = j * kStride + row, sub = j / work.sub_block * kStride + row;
    const ScalePair pair(work.scales + sub, work.mins + sub);
    const float* h = work.h + j * work.h_stride;
    const V32 target = load<V32>(work.target + at), before = load<V32>(work.errors + at);
    const V32 gradient = load<V32>(work.gradient + at);
    const V32 wanted = target - before + gradient * splat<V32>(1.0f / h[j]);
    const V32 level = levels.level((wanted + pair.min) * pair.inverse);
    const V32 error = target - (pair.scale * level - pair.min), step = error - before;
    if (!(max_lane(abs(step)) > 0.0f)) continue;
    changes += step * (gradient + gradient + step * splat<V32>(h[j]));
    store(work.errors + at, error);
    levels.store_codes(level, work.codes + at);
    for (std::size_t k = j + 1; k < work.n_cols; ++k) {
      float* next = work.gradient + k * kStride + row;
      store(next, load<V32>(next) + step * splat<V32>(h[k]));
    }
  }
  store(work.changes + row, changes);
}

template <class Levels>
void sweep_with(const Sweep& work) noexcept {
  for (std::size_t row = 0; row < work.n_rows; row += kWide) sweep_rows<Levels>(work, row);
}

void round_sub_block(const SubBlockRounding& work) noexcept {
  work.levels.iq4 ? round_with<UnevenLevels>(work) : round_with<IntegerLevels>(work);
}

void sweep(const Sweep& work) noexcept {
  work.levels.iq4 ? sweep_with<UnevenLevels>(work) : sweep_with<IntegerLevels>(work);
}

}  // namespace

void fill_rounding(RoundingKernels& kernels) noexcept {
  kernels = {round_sub_block, sweep, round_grid, sweep_grid};
}

}  // namespace lathe::LATHE_CODEC_TIER
