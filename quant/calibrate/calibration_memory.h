// What calibration holds in memory at most, so that a run that cannot end does not begin.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/weight_set.h"

namespace lathe {

struct CalibrationMemory {
  std::uint64_t tokens = 0;    // hidden states and inputs of a layer: in files with a spill folder
  std::uint64_t matrices = 0;  // of the group of matrices that takes most
};

// Of the largest layer, for n_items tokens.
CalibrationMemory calibration_memory(const WeightSet& weights, std::size_t n_items);

}  // namespace lathe
