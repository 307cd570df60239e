// What the evaluation jobs share. They print nothing and know no terminal: what they have to say
// goes to callbacks, what they measured comes back, and a stop is a callback that returns false.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "quant/eval/checkpoint_keeper.h"
#include "runtime/base/notes.h"
#include "runtime/model.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/eval_inputs.h"
#include "tools/jobs/runner.h"
#include "tools/jobs/texts.h"

namespace lathe {

struct EvalOptions {
  EngineOptions engine;
  std::string isa;  // tier of the kernels; empty: the best
  OrderOptions order;
  ResumeOptions resume;
  std::string skip_layers;  // "4,5,7-9": scored without them, as if they were pruned
};

struct EvalCallbacks {
  Notes notes{};
  // All is open, nothing is measured yet.
  std::function<void(const EvalInputs&)> on_begin{};
  // Called often, with the share of the work that is done and what is being done (may be empty);
  // false stops: the job ends with an Error (kFailed), and what was measured is kept.
  std::function<bool(double fraction, std::string_view step)> on_progress{};

  bool go_on(double fraction, std::string_view step) const {
    return !on_progress || on_progress(fraction, step);
  }
};

// The work of a job while its result is not out: kept in a file if need be.
class MeasuredWork {
 public:
  MeasuredWork(const ResumeOptions& options, const EvalInputs& inputs, std::string units,
               const Notes& notes);

  CheckpointKeeper& keeper() noexcept { return *keeper_; }
  UnitRecords& records() noexcept { return records_; }
  const UnitRecords& records() const noexcept { return records_; }

  // Runs `measure`. When it ends early because the caller wanted it (a callback stopped or threw),
  // `on_stop` is called, by default keep(); the Error passes through.
  void run(const std::function<void()>& measure, const std::function<void()>& on_stop = {});
  // Passes a callback on, and remembers that it stopped.
  bool go_on(const std::function<bool()>& callback);

  // Keeps what there is, with a note that says how to go on. Also for results that could not be
  // printed: they need not be measured again.
  void keep() { keeper_->interrupted(records_); }
  // It is out: nothing needs to be kept any more.
  void result_is_out() { keeper_->remove(); }

 private:
  std::unique_ptr<CheckpointKeeper> keeper_;
  UnitRecords records_;
  bool stopped_ = false;
};

// The layers that --skip-layers names. Error (kUsage) for those that the model does not have.
std::vector<int> skipped_layers(const std::string& list, const Model& model);

// Read a model or a base file for its fingerprint, as a step of the job's progress.
ModelInput describe_model(const TensorSource& file, ThreadPool& pool,
                          const EvalCallbacks& callbacks);
BaseFileInput describe_base(const DivergenceBase& base, const EvalCallbacks& callbacks);

}  // namespace lathe
