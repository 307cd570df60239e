// Plans to JSON.
#include <nlohmann/json.hpp>
#include <span>
#include <string>

#include "quant/plan/plan_file.h"
#include "runtime/base/atomic_file.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/utf8.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

Json override_json(const MetadataOverride& override) {
  Json out{{"key", override.key}, {"type", override_type_name(override)}};
  std::visit([&](const auto& value) { out["value"] = value; }, override.value);
  return out;
}

Json tensor_json(const PlannedTensor& t) {
  const TensorInfo& source = t.source;
  if (!is_valid_utf8(source.name)) {
    throw failed("tensor " + quoted(source.name) +
                 ": the name is no UTF-8 and cannot stand in a plan file");
  }
  Json out{{"name", source.name},
           {"shape", std::span(source.dims.data(), source.n_dims)},
           {"from", format_name(source.format)},
           {"to", format_name(t.format)}};
  if (!t.use_importance) out["importance"] = false;
  out["reason"] = t.reason;
  return out;
}

Json head_json(const Plan& plan, const ModelHeader& model) {
  Json overrides = Json::array();
  for (const MetadataOverride& override : plan.overrides) {
    overrides.push_back(override_json(override));
  }
  return {{"lathe_plan", 1},
          {"model", {{"architecture", model.architecture}, {"n_layer", model.n_layer}}},
          {"recipe", plan.recipe},
          {"file_type", plan.file_type},
          {"imatrix", plan.imatrix},
          {"pruned_layers", plan.pruned_layers},
          {"decisions_sha256", decisions_sha256(plan)},
          {"metadata", std::move(overrides)}};
}

std::string dumped(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

std::string plan_json(const Plan& plan, const ModelHeader& model) {
  std::string out = "{";
  const Json head = head_json(plan, model);
  for (const auto& [key, value] : head.items()) {
    out += "\n " + dumped(key) + ": " + dumped(value) + ",";
  }
  out += "\n \"tensors\": [";
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    out += (i == 0 ? "\n  " : ",\n  ") + dumped(tensor_json(plan.tensors[i]));
  }
  return out + "\n ]}\n";
}

void write_plan(const Plan& plan, const ModelHeader& model, const OutputTarget& target) {
  write_text(target, plan_json(plan, model));
}

}  // namespace lathe
