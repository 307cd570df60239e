#include "tools/jobs/release/run_step.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tools/jobs/release/made_file.h"

namespace lathe {
namespace {

// The file that an entry stands for; empty: none.
std::string file_of_entry(const ReleaseSteps& steps, const ReleaseStep& step,
                          const StepEntry& entry) {
  if (step.kind == StepKind::kImatrix) return steps.imatrix_path;
  if (step.kind == StepKind::kCosts) return steps.costs_path;
  if (step.kind == StepKind::kQuantize) return steps.models[entry.model].path;
  return {};
}

}  // namespace

bool is_done(const ReleaseSteps& steps, const ReleaseStep& step, const ReleaseState& state) {
  for (const StepEntry& entry : step.entries) {
    const auto* result = state.find(entry.key, entry.identity);
    if (result == nullptr) return false;
    const std::string path = file_of_entry(steps, step, entry);
    if (path.empty()) continue;
    if (!result->is_object() || !result->contains("stamp")) return false;
    if (!is_unchanged(path, (*result)["stamp"])) return false;
  }
  return true;
}

std::size_t n_missing(const ReleaseStep& step, const ReleaseState& state) {
  return static_cast<std::size_t>(std::count_if(
      step.entries.begin(), step.entries.end(),
      [&](const StepEntry& entry) { return state.find(entry.key, entry.identity) == nullptr; }));
}

void run_step(const StepContext& context, const ReleaseStep& step) {
  switch (step.kind) {
    case StepKind::kImatrix:
      return make_imatrix(context, step);
    case StepKind::kBlocks:
      return measure_blocks_of_source(context, step);
    case StepKind::kCosts:
      return measure_costs_of_source(context, step);
    case StepKind::kPrune:
      return choose_layers_of_source(context, step);
    case StepKind::kQuantize:
      return make_file(context, step);
    case StepKind::kEvaluateText:
      return evaluate_text(context, step);
    case StepKind::kEvaluateTasks:
      return evaluate_tasks(context, step);
    case StepKind::kSpeed:
      return measure_speed(context, step);
  }
}

}  // namespace lathe
