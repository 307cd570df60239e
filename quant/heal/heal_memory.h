// What healing holds in memory at most, so that a run that cannot end does not begin.
#pragma once

#include <cstddef>
#include <vector>

#include "quant/heal/heal_layers.h"
#include "runtime/machine/memory.h"

namespace lathe {

// Of the block that takes most, for n_items tokens: hidden states and inputs (in files with a spill
// folder), and the matrices of one fit. `pruned` as for heal_pruned().
MemoryNeed heal_memory(const Model& model, const std::vector<int>& pruned,
                       const HealOptions& options, std::size_t n_items);

}  // namespace lathe
