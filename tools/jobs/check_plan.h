// What comes of a plan, measured: its tensors are encoded in memory and take the places of the
// source's, and the divergence from the source is measured on a text.
#pragma once

#include <string>

#include "quant/eval/divergence.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/job_progress.h"
#include "tools/jobs/plan_model.h"
#include "tools/jobs/runner.h"
#include "tools/jobs/texts.h"

namespace lathe {

struct PlanCheckOptions {
  EngineOptions engine;  // its model is the source
  std::string isa;
  TextOptions text;
  OrderOptions order;
};

struct PlanCheck {
  std::string text;  // names of the files
  std::size_t n_chunks = 0;
  DivergenceResult figures;
};

// model.source is the file that options.engine.model names. Error as of measure_divergence().
PlanCheck check_plan(const PlannedModel& model, const Plan& plan, const PlanCheckOptions& options,
                     const Notes& notes, const JobProgress& progress);

}  // namespace lathe
