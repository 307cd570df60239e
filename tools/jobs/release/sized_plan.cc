#include "tools/jobs/release/sized_plan.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "quant/costs/cost_file.h"
#include "quant/plan/plan_file.h"
#include "tools/jobs/measure_job.h"
#include "tools/jobs/measured_plan_job.h"
#include "tools/jobs/release/made_file.h"

namespace lathe {
bool all_sized_are_calibrated(const ReleaseRecipe& recipe) {
  return std::none_of(
      recipe.variants.begin(), recipe.variants.end(),
      [](const ReleaseVariant& variant) { return variant.is_sized() && !variant.calibrated; });
}

void measure_costs_of_source(const StepContext& context, const ReleaseStep& step) {
  const StepEntry& entry = step.entries.front();
  const std::string& path = context.steps.costs_path;
  refuse_foreign(path, entry.key, context.state);
  OutputGate gate = context.gate;
  const OutputTarget target = gate.admit(path, {.what = "the costs"});
  context.state.begin(entry.key, entry.identity);
  MeasureRequest request;
  request.engine.model = context.recipe.source;
  request.engine.n_threads = context.engine.n_threads;
  request.engine.n_ctx = context.recipe.calibration.n_ctx;
  request.isa = context.engine.isa;
  request.texts = context.recipe.calibration.texts;
  request.calibrated = all_sized_are_calibrated(context.recipe);
  write_costs(run_measure(request, context.notes, context.progress), target);
  context.state.put(entry.key, entry.identity, {{"stamp", stamp_json(path, context.progress)}});
}

SizedVariantPlan make_sized_plan(const StepContext& context, const ModelToMake& model) {
  MeasuredPlanOptions options;
  options.plan = plan_options(context.recipe, context.steps, model.variant);
  options.plan.imatrix = context.steps.imatrix_path;
  options.costs = context.steps.costs_path;
  options.sizes = {std::to_string(*model.variant.size)};
  const MeasuredPlans plans = run_measured_plans(options, context.notes, context.progress);
  const MeasuredPlan& plan = plans.plans.front().plan;
  const std::string path =
      (std::filesystem::path(context.steps.work_folder) / (model.name + "-plan.json")).string();
  OutputGate gate = context.gate;
  write_plan(plan.plan, plans.model.header,
             gate.admit(path, {.what = "the plan", .kind = OutputKind::kText}));
  return {path, plan.predicted};
}

}  // namespace lathe
