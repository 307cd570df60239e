#include "runtime/ops/rope.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lathe {
namespace {

// Pair index at which a frequency turns `rotations` times over the original context.
double yarn_pair(const RopeSettings& s, double rotations) {
  return static_cast<double>(s.head_dim) *
         std::log(s.n_ctx_original / (rotations * 2 * std::numbers::pi)) / (2 * std::log(s.base));
}

// How much of a pair is extrapolated: 1 for the fast ones, 0 for the slow ones, a ramp in between.
double yarn_extrapolation(const RopeSettings& s, std::size_t pair) {
  const double low = std::max(0.0, std::floor(yarn_pair(s, s.beta_fast)));
  const double high =
      std::min(static_cast<double>(s.head_dim) - 1, std::ceil(yarn_pair(s, s.beta_slow)));
  const double along = (static_cast<double>(pair) - low) / std::max(0.001, high - low);
  return 1.0 - std::clamp(along, 0.0, 1.0);
}

double yarn_magnitude(const RopeSettings& s) {
  if (s.factor <= 1.0) return 1.0;
  const double log_factor = std::log(s.factor);
  return (1.0 + 0.1 * log_factor) /
         (s.yarn_log_multiplier == 0.0 ? 1.0 : 1.0 + 0.1 * s.yarn_log_multiplier * log_factor);
}

}  // namespace

RopeTable::RopeTable(const RopeSettings& s) : pairing_(s.pairing), turn_(s.head_dim / 2) {
  magnitude_ = s.attn_factor * (s.yarn ? yarn_magnitude(s) : 1.0);
  for (std::size_t i = 0; i < turn_.size(); ++i) {
    const double exponent = -2.0 * static_cast<double>(i) / static_cast<double>(s.head_dim);
    const double theta = std::pow(s.base, exponent);
    const double full = theta / (s.frequency_factors.empty() ? 1.0 : s.frequency_factors[i]);
    const double scaled = full / s.factor;
    const double kept = s.yarn ? yarn_extrapolation(s, i) : 0.0;
    turn_[i] = scaled * (1.0 - kept) + full * kept;
  }
}

void RopeTable::angles(std::int32_t pos, float* cos, float* sin) const noexcept {
  for (std::size_t i = 0; i < turn_.size(); ++i) {
    const double angle = static_cast<double>(pos) * turn_[i];
    cos[i] = static_cast<float>(magnitude_ * std::cos(angle));
    sin[i] = static_cast<float>(magnitude_ * std::sin(angle));
  }
}

}  // namespace lathe
