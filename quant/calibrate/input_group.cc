#include "quant/calibrate/input_group.h"

#include <algorithm>
#include <optional>

namespace lathe {
namespace {

using Role = TensorRole;

constexpr Role kRoles[] = {Role::kAttnQ,   Role::kAttnK,      Role::kAttnV,
                           Role::kAttnQkv, Role::kAttnOutput, Role::kFfnGate,
                           Role::kFfnUp,   Role::kFfnDown,    Role::kOutput};

std::span<const Role> roles_of(LayerInput input) noexcept {
  const std::span<const Role> all(kRoles);
  switch (input) {
    case LayerInput::kAttention:
      return all.subspan(0, 4);
    case LayerInput::kAttentionOutput:
      return all.subspan(4, 1);
    case LayerInput::kFeedForward:
      return all.subspan(5, 2);
    case LayerInput::kDown:
      return all.subspan(7, 1);
  }
  return {};
}

// Products whose outputs have a norm of their own.
std::optional<Role> norm_of(Role role, const WeightSet& weights, int layer) noexcept {
  const Role norm = role == Role::kAttnQ ? Role::kAttnQNorm : Role::kAttnKNorm;
  if (role != Role::kAttnQ && role != Role::kAttnK) return std::nullopt;
  return weights.get(norm, layer) ? std::optional(norm) : std::nullopt;
}

// One group for each normed product, and one for the others.
void add_inputs(LayerInput input, Role block_norm, const WeightSet& weights, int layer,
                std::vector<InputGroup>& groups) {
  InputGroup others{{}, input};
  if (weights.get(block_norm, layer)) others.weight = TokenWeight::kByInput;
  for (const Role role : roles_of(input)) {
    if (!weights.get(role, layer)) continue;
    if (const auto norm = norm_of(role, weights, layer)) {
      groups.push_back({{role}, input, TokenWeight::kByOutput, false, *norm});
    } else {
      others.roles.push_back(role);
    }
  }
  if (!others.roles.empty()) groups.push_back(std::move(others));
}

void add_output(LayerInput input, Role block_norm, const WeightSet& weights, int layer,
                std::vector<InputGroup>& groups) {
  InputGroup group{{roles_of(input).front()}, input, TokenWeight::kEven, true, block_norm};
  if (weights.get(block_norm, layer)) group.weight = TokenWeight::kByOutput;
  groups.push_back(std::move(group));
}

}  // namespace

std::vector<InputGroup> layer_groups(const WeightSet& weights, int layer) {
  std::vector<InputGroup> groups;
  add_inputs(LayerInput::kAttention, Role::kPostAttentionNorm, weights, layer, groups);
  add_output(LayerInput::kAttentionOutput, Role::kPostAttentionNorm, weights, layer, groups);
  add_inputs(LayerInput::kFeedForward, Role::kPostFfwNorm, weights, layer, groups);
  add_output(LayerInput::kDown, Role::kPostFfwNorm, weights, layer, groups);
  return groups;
}

InputGroup head_group() { return {{Role::kOutput}}; }

TensorRole first_role(LayerInput input, const WeightSet& weights, int layer) noexcept {
  for (const Role role : roles_of(input)) {
    if (weights.get(role, layer)) return role;
  }
  return roles_of(input).front();
}

bool is_calibrated_role(std::string_view tensor_name) noexcept {
  const std::optional<TensorId> id = parse_tensor_name(tensor_name);
  return id && id->part == TensorPart::kWeight &&
         std::find(std::begin(kRoles), std::end(kRoles), id->role) != std::end(kRoles);
}

}  // namespace lathe
