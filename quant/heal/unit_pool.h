// Pools heads or neurons of several layers into one: of all candidates' units as many as the layer
// has, chosen by what the residual stream loses without them.
#pragma once

#include <memory>
#include <vector>

#include "quant/heal/output_fit.h"
#include "quant/heal/student.h"

namespace lathe {

// The units of one layer of the original, its inputs refitted to where they shall stand.
struct PoolCandidate {
  int layer = 0;
  std::vector<TensorValues> inputs;       // named as of the layer that they shall stand in
  OutputWeights output;                   // of its own layer
  std::unique_ptr<HiddenStore> features;  // [n_rows, n_in] what enters that output
};

struct PooledUnits {
  std::vector<TensorValues> inputs;
  OutputWeights start;                // of the fit over all candidates, for these units
  std::vector<std::size_t> by_layer;  // units taken of each candidate
};

// Whether units of the layer can be exchanged one by one: every tensor before the output has rows
// for each.
bool can_pool(const StageRoles& roles, const std::vector<TensorValues>& inputs);

// `task`: before and target, bias and norm of the layer that stays (its features are not looked
// at); `gain` is the one behind its output.
PooledUnits pool_units(ThreadPool& pool, const StageRoles& roles,
                       const std::vector<PoolCandidate>& candidates, const OutputTask& task,
                       const std::vector<float>& gain, double ridge);

}  // namespace lathe
