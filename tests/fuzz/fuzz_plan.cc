// Fuzzes plan files: any text is refused with an Error of the kind kBadInput, or is a plan. A plan
// that was accepted fits a model made of its own tensors, and comes back the same from its JSON.
// Files of rules: any text is refused, or holds patterns that match a name or not, and soon.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "quant/plan/plan_file.h"
#include "quant/plan/plan_summary.h"
#include "quant/plan/type_rule.h"
#include "runtime/base/error.h"

namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

lathe::ModelHeader model_of(const lathe::PlanFile& file) {
  lathe::ModelHeader model;
  model.architecture = file.architecture;
  model.n_layer = file.n_layer;
  for (const lathe::PlannedTensor& t : file.plan.tensors) model.tensors.push_back(t.source);
  return model;
}

void check_round_trip(const lathe::PlanFile& file) {
  const lathe::ModelHeader model = model_of(file);
  const lathe::Plan plan = lathe::plan_for_model(file, model);
  const lathe::PlanFile again = lathe::parse_plan(lathe::plan_json(plan, model), "again");
  require(again.architecture == file.architecture && again.n_layer == file.n_layer);
  require(again.plan.pruned_layers == plan.pruned_layers);
  require(again.plan.overrides == plan.overrides);
  require(again.plan.tensors.size() == plan.tensors.size());
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    require(again.plan.tensors[i].name == plan.tensors[i].name);
    require(again.plan.tensors[i].format == plan.tensors[i].format);
    require(again.plan.tensors[i].n_bytes == plan.tensors[i].n_bytes);
  }
  lathe::format_totals(plan);
  lathe::Metadata metadata("fuzz");
  lathe::apply_overrides(plan.overrides, metadata);
}

void check_rules(std::string_view text) {
  try {
    for (const lathe::TypeRule& rule : lathe::parse_type_rules(text, "fuzz")) {
      rule.matches("blk.17.attn_output.weight");
    }
  } catch (const lathe::Error& error) {
    require(error.kind() != lathe::ErrorKind::kFailed);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_rules(text);
  try {
    check_round_trip(lathe::parse_plan(text, "fuzz"));
  } catch (const lathe::Error& error) {
    require(error.kind() == lathe::ErrorKind::kBadInput);
  }
  return 0;
}
