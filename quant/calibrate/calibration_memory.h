// What calibration holds in memory at most, so that a run that cannot end does not begin.
#pragma once

#include <cstddef>

#include "runtime/machine/memory.h"
#include "runtime/weight_set.h"

namespace lathe {

// Of the largest layer, for n_items tokens: hidden states and inputs of a layer, and what the group
// of matrices takes that takes most.
MemoryNeed calibration_memory(const WeightSet& weights, std::size_t n_items);

}  // namespace lathe
