// Doing the steps of a release. Each asks the state what is there, does what is not, and puts it
// there as soon as it is: whatever ends the process, what is done stays done.
#pragma once

#include "runtime/base/notes.h"
#include "runtime/base/output_gate.h"
#include "tools/jobs/job_progress.h"
#include "tools/jobs/release/state.h"
#include "tools/jobs/release/steps.h"

namespace lathe {

struct StepContext {
  const ReleaseRecipe& recipe;
  const ReleaseInputs& inputs;
  const ReleaseSteps& steps;
  const ReleaseEngine& engine;
  ReleaseState& state;
  OutputGate& gate;
  const Notes& notes;
  JobProgress progress;  // of the step
};

// Whether nothing of the step is left to do: its entries are there, and its files are what they
// were. A file that was touched is read again for that.
bool is_done(const ReleaseSteps& steps, const ReleaseStep& step, const ReleaseState& state);

// Entries that are not there.
std::size_t n_missing(const ReleaseStep& step, const ReleaseState& state);

// Errors as of the jobs that do the work; (kFailed) when stopped, and the same step goes on then
// where it can. (kUsage) for a file of that name that no release made.
void run_step(const StepContext& context, const ReleaseStep& step);

// The kinds.
void make_imatrix(const StepContext& context, const ReleaseStep& step);
void measure_blocks_of_source(const StepContext& context, const ReleaseStep& step);
void measure_costs_of_source(const StepContext& context, const ReleaseStep& step);
void choose_layers_of_source(const StepContext& context, const ReleaseStep& step);
void make_file(const StepContext& context, const ReleaseStep& step);
void evaluate_text(const StepContext& context, const ReleaseStep& step);
void evaluate_tasks(const StepContext& context, const ReleaseStep& step);
void measure_speed(const StepContext& context, const ReleaseStep& step);

}  // namespace lathe
