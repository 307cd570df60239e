// Rotary position embedding: what angle each pair of a head turns by, worked out once per model.
//
// The angle of pair i at position p is p * w_i for every kind of scaling that is known here (none,
// linear, YaRN, frequency factors), so a table of w_i and one magnitude are all a model keeps.
// Su et al. 2021 (RoFormer); Peng et al. 2023 (YaRN).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "kernels/kernel_table.h"

namespace lathe {

struct RopeSettings {
  std::size_t head_dim = 0;
  RopePairing pairing = RopePairing::kInterleaved;
  double base = 10000.0;
  double factor = 1.0;  // positions are divided by this (linear, YaRN)
  bool yarn = false;
  double n_ctx_original = 0.0;  // context before scaling (YaRN)
  double beta_fast = 32.0, beta_slow = 1.0;
  double attn_factor = 1.0;  // multiplies the magnitude
  double yarn_log_multiplier = 0.0;
  std::span<const float> frequency_factors;  // [head_dim / 2] divisors, or empty
};

class RopeTable {
 public:
  explicit RopeTable(const RopeSettings& settings);

  RopePairing pairing() const noexcept { return pairing_; }
  // cos and sin: [head_dim / 2], written; both carry the magnitude.
  void angles(std::int32_t pos, float* cos, float* sin) const noexcept;

 private:
  RopePairing pairing_;
  double magnitude_ = 1.0;
  std::vector<double> turn_;  // [head_dim / 2] radians per position
};

}  // namespace lathe
