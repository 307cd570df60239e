// Plans of given sizes from measured costs (quant/costs/measured_plan.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "quant/costs/measured_plan.h"
#include "quant/eval/statistics.h"
#include "tools/jobs/check_plan.h"
#include "tools/jobs/job_progress.h"
#include "tools/jobs/plan_model.h"

namespace lathe {

struct MeasuredPlanOptions {
  PlanOptions plan;                // the model, the imatrix and explicit rules; no recipe
  std::string costs;               // the file
  std::vector<std::string> sizes;  // "4.5GB"
  std::vector<double> bits;        // per weight
  std::string types;               // that may be chosen: "q4_k,q5_k"; empty: all measured
  bool frontier = false;           // plans of all sizes, beside the recipes
  bool may_prune = false;
  bool activations = true;
  std::optional<PlanCheckOptions> check;  // measure what comes of the plans
};

struct SizedPlan {
  std::string asked;  // "4.5GB", "4.5 bpw"
  MeasuredPlan plan;
  std::optional<PlanCheck> check;
};

struct FrontierPoint {
  std::uint64_t file_bytes = 0;
  double bits_per_weight = 0.0, predicted = 0.0;
};

// A recipe beside the plan of its size.
struct RecipePoint {
  std::string recipe;
  FrontierPoint of, measured;
};

struct MeasuredPlans {
  PlannedModel model;  // its plan: all as the source has it, but for rules
  CostFile costs;
  std::vector<SizedPlan> plans;         // as they were asked for
  std::vector<FrontierPoint> frontier;  // by rising size; empty where not asked for
  std::vector<RecipePoint> recipes;     // by falling size; those whose types were measured
};

// Error as of plan_model(), read_costs() and MeasuredPlanner; (kBadInput) for costs of another
// model.
MeasuredPlans run_measured_plans(const MeasuredPlanOptions& options, const Notes& notes,
                                 const JobProgress& progress);

}  // namespace lathe
