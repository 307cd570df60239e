#include "quant/heal/stage_roles.h"

#include "runtime/base/error.h"

namespace lathe {
namespace {

void require(const WeightSet& weights, TensorRole role, int layer) {
  if (weights.get(role, layer)) return;
  throw usage_error("healing: the model has no " + tensor_name({role, layer}));
}

}  // namespace

std::vector<UnitSpan> StageRoles::spans(TensorRole role, std::size_t n_rows) const {
  std::vector<UnitSpan> out;
  switch (role) {
    case TensorRole::kAttnQkv:
      out = {{0, query_rows},
             {n_units * query_rows, other_rows},
             {n_units * (query_rows + other_rows), other_rows}};
      break;
    case TensorRole::kAttnQ:
    case TensorRole::kAttnQNorm:
      out = {{0, query_rows}};
      break;
    default:
      out = {{0, other_rows}};
  }
  std::size_t n = 0;
  for (const UnitSpan& span : out) n += n_units * span.per_unit;
  return n == n_rows ? out : std::vector<UnitSpan>{};
}

StageRoles attention_stage(const Model& model, int layer) {
  const ModelTraits& traits = model.traits();
  const WeightSet& weights = model.weights();
  StageRoles roles{};
  if (weights.get(TensorRole::kAttnQkv, layer)) {
    roles.inputs = {TensorRole::kAttnQkv};
  } else {
    roles.inputs = {TensorRole::kAttnQ, TensorRole::kAttnK, TensorRole::kAttnV};
  }
  roles.entry = roles.inputs.front();
  roles.norms = {TensorRole::kAttnQNorm, TensorRole::kAttnKNorm};
  roles.output = TensorRole::kAttnOutput;
  roles.post_norm = TensorRole::kPostAttentionNorm;
  roles.n_units = traits.n_head_kv;
  roles.query_rows = traits.n_head / traits.n_head_kv * traits.head_dim;
  roles.other_rows = traits.head_dim;
  for (const TensorRole role : roles.inputs) require(weights, role, layer);
  require(weights, roles.output, layer);
  return roles;
}

StageRoles feed_forward_stage(const Model& model, int layer) {
  StageRoles roles{};
  roles.inputs = {TensorRole::kFfnGate, TensorRole::kFfnUp};
  roles.entry = TensorRole::kFfnGate;
  roles.output = TensorRole::kFfnDown;
  roles.post_norm = TensorRole::kPostFfwNorm;
  for (const TensorRole role : roles.inputs) require(model.weights(), role, layer);
  require(model.weights(), roles.output, layer);
  roles.n_units = model.weights().get(roles.output, layer).cols;
  return roles;
}

std::vector<TensorId> input_tensors(const StageRoles& roles, const WeightSet& weights, int layer) {
  std::vector<TensorId> out;
  const auto add = [&](TensorId id) {
    if (weights.get(id.role, layer, id.part)) out.push_back(id);
  };
  for (const TensorRole role : roles.inputs) {
    add({role, layer, TensorPart::kWeight});
    add({role, layer, TensorPart::kBias});
  }
  for (const TensorRole role : roles.norms) add({role, layer, TensorPart::kWeight});
  return out;
}

}  // namespace lathe
