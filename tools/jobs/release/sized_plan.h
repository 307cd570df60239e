// A variant by size: the plan that measured costs give for it (tools/jobs/measured_plan_job.h).
#pragma once

#include <string>

#include "tools/jobs/release/run_step.h"

namespace lathe {

struct SizedVariantPlan {
  std::string path;        // of the plan file, in the work folder
  double predicted = 0.0;  // divergence, nats a token
};

// Of what kind of rounding the costs are: all variants by size share them, and those of the plain
// one order types for both.
bool all_sized_are_calibrated(const ReleaseRecipe& recipe);

// Plans and writes the plan file. Error (kUsage) where no plan is that small.
SizedVariantPlan make_sized_plan(const StepContext& context, const ModelToMake& model);

}  // namespace lathe
