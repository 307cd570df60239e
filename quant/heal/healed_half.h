// What healing did to one half of a layer: attention or the feed-forward network.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/tensor_role.h"

namespace lathe {

// Errors are of the residual stream on held-out text, as a share (rms) of what the half should have
// added.
struct HealedHalf {
  int layer = 0;  // original number
  TensorRole output = TensorRole::kAttnOutput;
  double error_before = 0.0, error_after = 0.0;
  bool kept_old = false;  // the fit was no better on held-out text: nothing was changed
  // Heads (with their keys) or neurons, and how many of them are of pruned layers; 0: not pooled.
  std::size_t n_units = 0, n_from_pruned = 0;
  std::vector<float> column_squares{};  // of pooled units: sums of f^2 over the fitted tokens
};

}  // namespace lathe
