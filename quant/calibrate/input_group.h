// The matrices of a layer that share an input, in the order in which a layer runs them. Each group
// is decided as one, knowing what the groups before it have become.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "runtime/tensor_role.h"
#include "runtime/weight_set.h"

namespace lathe {

// The four inputs of a layer: of queries, keys and values; of the attention's output; of gate and
// up; of down.
enum class LayerInput : std::uint8_t { kAttention, kAttentionOutput, kFeedForward, kDown };
inline constexpr std::size_t kLayerInputs = 4;

// Which tokens' errors count more than others (quant/calibrate/input_moments.h).
enum class TokenWeight : std::uint8_t {
  kEven,
  kByInput,   // a norm stands behind the block: 1 / rms(h)^2
  kByOutput,  // a norm stands behind the product: 1 / rms(W h)^2
};

struct InputGroup {
  std::vector<TensorRole> roles;  // of its matrices
  LayerInput input = LayerInput::kAttention;
  TokenWeight weight = TokenWeight::kEven;
  bool adds_to_stream = false;  // its output is added to the residual stream, behind
  TensorRole norm{};            // this norm, where the weight is kByOutput
};

// Those of a layer. Queries and keys with a norm of their own are groups of their own.
std::vector<InputGroup> layer_groups(const WeightSet& weights, int layer);
// The output head, where it is a matrix of its own; of layer -1.
InputGroup head_group();

// The first matrix of an input that the layer has: what a run is watched at.
TensorRole first_role(LayerInput input, const WeightSet& weights, int layer) noexcept;

// Whether the tensor of this name is in a group of some layer, or is the output head.
bool is_calibrated_role(std::string_view tensor_name) noexcept;

}  // namespace lathe
