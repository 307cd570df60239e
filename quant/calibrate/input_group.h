// The matrices of a layer that share an input, in the order in which a layer runs them. Each group
// is decided as one, knowing what the groups before it have become.
#pragma once

#include <span>
#include <string_view>

#include "runtime/tensor_role.h"
#include "runtime/weight_set.h"

namespace lathe {

struct InputGroup {
  std::span<const TensorRole> roles;  // of matrices that may be there
  // Its output is added to the residual stream, after this norm where the model has one.
  bool adds_to_stream = false;
  TensorRole post_norm = TensorRole::kPostAttentionNorm;

  // The first of the roles that a layer has: its input is that of all.
  TensorRole first_role(const WeightSet& weights, int layer) const noexcept;
};

inline constexpr std::size_t kLayerGroups = 4;
// Queries, keys and values; attention output; gate and up; down.
std::span<const InputGroup, kLayerGroups> layer_groups() noexcept;
// Whether the tensor of this name is in one of these groups, or is the output head.
bool is_calibrated_role(std::string_view tensor_name) noexcept;
// The output head, where it is a matrix of its own; of layer -1.
const InputGroup& head_group() noexcept;

}  // namespace lathe
