#include "quant/calibrate/input_group.h"

#include <algorithm>
#include <optional>

namespace lathe {
namespace {

constexpr TensorRole kAttentionIn[] = {TensorRole::kAttnQ, TensorRole::kAttnK, TensorRole::kAttnV,
                                       TensorRole::kAttnQkv};
constexpr TensorRole kAttentionOut[] = {TensorRole::kAttnOutput};
constexpr TensorRole kFeedForwardIn[] = {TensorRole::kFfnGate, TensorRole::kFfnUp};
constexpr TensorRole kFeedForwardOut[] = {TensorRole::kFfnDown};
constexpr TensorRole kHead[] = {TensorRole::kOutput};

constexpr InputGroup kGroups[kLayerGroups] = {
    {kAttentionIn},
    {kAttentionOut, true, TensorRole::kPostAttentionNorm},
    {kFeedForwardIn},
    {kFeedForwardOut, true, TensorRole::kPostFfwNorm},
};
constexpr InputGroup kHeadGroup = {kHead};

}  // namespace

TensorRole InputGroup::first_role(const WeightSet& weights, int layer) const noexcept {
  for (const TensorRole role : roles) {
    if (weights.get(role, layer)) return role;
  }
  return roles.front();
}

std::span<const InputGroup, kLayerGroups> layer_groups() noexcept { return kGroups; }
bool is_calibrated_role(std::string_view tensor_name) noexcept {
  const std::optional<TensorId> id = parse_tensor_name(tensor_name);
  if (!id || id->part != TensorPart::kWeight) return false;
  const auto holds = [&](const InputGroup& group) {
    return std::find(group.roles.begin(), group.roles.end(), id->role) != group.roles.end();
  };
  return holds(kHeadGroup) || std::any_of(std::begin(kGroups), std::end(kGroups), holds);
}

const InputGroup& head_group() noexcept { return kHeadGroup; }

}  // namespace lathe
