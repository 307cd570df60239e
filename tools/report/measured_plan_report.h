// Plans from measured costs, for people and for programs.
#pragma once

#include <string>

#include "tools/jobs/measured_plan_job.h"

namespace lathe {

// Sizes, predictions and what was measured; the recipes beside the plans of their sizes.
std::string measured_plans_text(const MeasuredPlans& plans);
std::string measured_plans_document(const MeasuredPlans& plans);
// "predicted divergence 0.0123 (...)": what is to be said of one plan.
std::string prediction_text(const SizedPlan& plan, const CostFile& costs);

}  // namespace lathe
