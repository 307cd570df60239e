#include "tools/report/measured_plan_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "quant/plan/plan_file.h"
#include "tools/report/document.h"
#include "tools/report/plan_report.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

// Share of the divergence that a better plan of that size could at most save.
double gap(const MeasuredPlan& plan) {
  return plan.predicted > 0.0 ? (plan.predicted - plan.bound) / plan.predicted : 0.0;
}

std::string gap_text(const MeasuredPlan& plan) {
  return plan.exact ? "0" : fmt::format("{:.2g} %", 100.0 * gap(plan));
}

std::string check_text(const PlanCheck& check) {
  return fmt::format("{:.6f} +- {:.6f}", check.figures.kld.value, check.figures.kld.error);
}

Json point_json(const FrontierPoint& point) {
  return {{"file_bytes", point.file_bytes},
          {"bits_per_weight", point.bits_per_weight},
          {"predicted_kld", point.predicted}};
}

Json plan_of_json(const SizedPlan& sized, const ModelHeader& model) {
  Json out{{"size", sized.asked},
           {"file_bytes", sized.plan.file_bytes},
           {"bits_per_weight", sized.plan.plan.bits_per_weight()},
           {"predicted_kld", sized.plan.predicted},
           {"bound_kld", sized.plan.bound},
           {"exact", sized.plan.exact},
           {"kld", nullptr},
           {"kld_error", nullptr}};
  if (sized.check) {
    out["kld"] = sized.check->figures.kld.value;
    out["kld_error"] = sized.check->figures.kld.error;
  }
  out["plan"] = Json::parse(plan_json(sized.plan.plan, model));
  return out;
}

std::string recipes_text(const MeasuredPlans& plans) {
  TextTable table({"recipe", "MB", "bpw", "predicted", "plan of that size", "ratio"});
  for (const RecipePoint& r : plans.recipes) {
    const double ratio = r.of.predicted > 0.0 ? r.measured.predicted / r.of.predicted : 1.0;
    table.add_row({r.recipe, megabytes(r.of.file_bytes),
                   fmt::format("{:.2f}", r.of.bits_per_weight),
                   fmt::format("{:.6f}", r.of.predicted),
                   fmt::format("{:.6f}", r.measured.predicted), fmt::format("{:.2f}", ratio)});
  }
  return table.aligned();
}

std::string frontier_text(const MeasuredPlans& plans) {
  TextTable table({"MB", "bpw", "predicted"});
  for (const FrontierPoint& p : plans.frontier) {
    table.add_row({megabytes(p.file_bytes), fmt::format("{:.2f}", p.bits_per_weight),
                   fmt::format("{:.6f}", p.predicted)});
  }
  return table.aligned();
}

}  // namespace

std::string prediction_text(const SizedPlan& sized, const CostFile& costs) {
  const MeasuredPlan& plan = sized.plan;
  // docs/measured-plans.md has the measurements.
  const char* const measured = costs.encoders == kCalibratedEncoders ? "0.95 to 1.05" : "1.0 to 1.2";
  std::string text = fmt::format(
      "predicted divergence {:.6f}; measured ones were {} times the prediction\n{}\n",
      plan.predicted, measured,
      plan.exact ? "no plan within the size has a lower prediction"
                 : fmt::format("a plan within the size has a prediction lower by {} at most",
                               gap_text(plan)));
  if (plan.types_alone) {
    text +=
        "that is of the types alone: what the pruned layers cost was not measured (measure "
        "--layers)\n";
  }
  if (sized.check) {
    text += fmt::format("measured on {} ({} chunks): {}, {:.2f} times the prediction\n",
                        sized.check->text, sized.check->n_chunks, check_text(*sized.check),
                        sized.check->figures.kld.value / plan.predicted);
  }
  return text;
}

std::string measured_plans_text(const MeasuredPlans& plans) {
  std::string text;
  if (!plans.plans.empty()) {
    TextTable table({"size", "file MB", "bpw", "predicted", "gap", "measured"});
    for (const SizedPlan& sized : plans.plans) {
      table.add_row({sized.asked, megabytes(sized.plan.file_bytes),
                     fmt::format("{:.2f}", sized.plan.plan.bits_per_weight()),
                     fmt::format("{:.6f}", sized.plan.predicted), gap_text(sized.plan),
                     sized.check ? check_text(*sized.check) : ""});
    }
    text += table.aligned();
  }
  if (!plans.frontier.empty()) {
    text += (text.empty() ? "" : "\n") + frontier_text(plans) + "\n" + recipes_text(plans);
  }
  return text;
}

std::string measured_plans_document(const MeasuredPlans& plans) {
  Json out = result_document("plan --costs");
  out["costs"] = {{"file", plans.costs.origin},
                  {"fingerprint", plans.costs.fingerprint},
                  {"encoders", plans.costs.encoders},
                  {"n_tokens", plans.costs.n_tokens}};
  Json sized = Json::array(), frontier = Json::array(), recipes = Json::array();
  for (const SizedPlan& plan : plans.plans) {
    sized.push_back(plan_of_json(plan, plans.model.header));
  }
  for (const FrontierPoint& point : plans.frontier) frontier.push_back(point_json(point));
  for (const RecipePoint& r : plans.recipes) {
    recipes.push_back(
        {{"recipe", r.recipe}, {"of", point_json(r.of)}, {"measured", point_json(r.measured)}});
  }
  out["plans"] = std::move(sized);
  out["frontier"] = std::move(frontier);
  out["recipes"] = std::move(recipes);
  return json_text(out);
}

}  // namespace lathe
