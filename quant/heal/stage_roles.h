// The two halves of a layer, as healing sees them: what goes in, units of it that can be exchanged
// (heads with their keys and values; neurons), and the matrix that adds to the residual stream.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runtime/model.h"
#include "runtime/tensor_role.h"
#include "runtime/weight_set.h"

namespace lathe {

// Rows first + u * per_unit .. of a tensor belong to unit u.
struct UnitSpan {
  std::size_t first = 0, per_unit = 1;
};

struct StageRoles {
  TensorRole entry;                // the first product of the half: its input is what goes in
  std::vector<TensorRole> inputs;  // matrices that it goes into
  std::vector<TensorRole> norms;   // vectors over their rows
  TensorRole output, post_norm;
  std::size_t n_units = 0;
  std::size_t query_rows = 1, other_rows = 1;  // of a unit

  // Of a tensor of the half (vectors count as rows of one); none where a unit has no rows of its
  // own.
  std::vector<UnitSpan> spans(TensorRole role, std::size_t n_rows) const;
};

// Error (kUsage) where the layer has no such tensors.
StageRoles attention_stage(const Model& model, int layer);
StageRoles feed_forward_stage(const Model& model, int layer);

// The tensors of the half that stand before its output: weights and biases of inputs, norms.
std::vector<TensorId> input_tensors(const StageRoles& roles, const WeightSet& weights, int layer);

}  // namespace lathe
