// Overlays: a WeightSet that stands in for a model's own, with some views replaced. Trials of a
// format for one tensor, calibrated rounding and pruned layers run a model this way, whose file
// never changes.
#pragma once

#include "runtime/model.h"

namespace lathe {

// Error (kUsage), naming the tensor, unless the overlay can stand in for the model's own weights:
// the same tensors in the same shapes, vectors in float32. An output head may be added to a model
// that has none of its own. What a model reads when it is loaded (rope_freqs) cannot be replaced.
void check_overlay(const Model& model, const WeightSet& overlay);

}  // namespace lathe
