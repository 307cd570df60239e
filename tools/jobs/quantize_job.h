// Quantizing a model: opens what a run needs, then runs it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "quant/calibrate/use_calibration.h"
#include "quant/pipeline/quantize.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/machine/thread_pool.h"
#include "tools/jobs/calibrate_job.h"
#include "tools/jobs/heal_job.h"
#include "tools/jobs/plan_model.h"

namespace lathe {

struct QuantizeOptions {
  PlanOptions plan;
  std::string out;  // empty: default_output()
  std::string reuse;
  SplitRequest split;
  CalibrateOptions calibrate;
  bool resume = false;
  bool provenance = true;
  bool identify = true;       // read the whole source to say what it is; not for a dry run
  HashProgress hashing = {};  // while that goes on; false stops
  std::function<bool(double fraction, std::string_view step)> calibrating = {};  // the same
  Notes notes = {};                  // what there is to say of the calibration
  const OutputGate* gate = nullptr;  // knows what the run reads
};

// What an interrupted run left for this output.
struct KeptWork {
  std::size_t n_tensors = 0;           // that are written
  std::size_t n_calibrated_parts = 0;  // embeddings, layers, head
  std::size_t n_healed_parts = 0;      // layers, figures

  bool any() const noexcept { return n_tensors + n_calibrated_parts + n_healed_parts > 0; }
};
KeptWork kept_work(const std::string& out_path);

struct QuantizeRun {
  QuantizeResult result;
  std::vector<CalibratedTensor> calibrated;  // how the tensors came out
  double seconds = 0.0;
};

// The name that the field's quantizer gives a file without one, beside the model:
// "ggml-model-Q4_K_M.gguf". Error (kUsage) for a plan file in the place of a recipe, and where a
// file of that name is there already.
std::string default_output(const PlanOptions& options);

// Not to be moved: the job points into it.
class QuantizeTask {
 public:
  // Plans, and opens the older output. Error as of plan_model() and GgufFile::open().
  explicit QuantizeTask(const QuantizeOptions& options);

  const PlannedModel& model() const noexcept { return model_; }
  const QuantizeJob& job() const noexcept { return *job_; }
  // Tensors that an interrupted run left and that this one gives up.
  std::size_t n_given_up() const;

  bool calibrates() const noexcept { return options_.calibrate.wanted(); }
  // Why the new file would not load as a model (tools/jobs/rehearsal.h), or nothing.
  std::string load_problem() const;

  // Heals the model that is pruned: what run() writes is the healed one then. Importance of the
  // inputs that healing changes is that of the healed model. What is healed is kept beside the
  // output until that is complete. Errors as of heal_model().
  HealOutcome heal(const HealRequest& request, const KernelTable& kernels, ThreadPool& pool,
                   const Notes& notes, const JobProgress& progress);

  // Error as of quantize(), and (kFailed) before the work for load_problem(). The new file must
  // load as a model, where its source does (QuantizeJob::check_loads).
  QuantizeRun run(const KernelTable& kernels, ThreadPool& pool,
                  std::function<bool(const QuantizeProgress&)> progress);

 private:
  void make_job();
  void refuse_without_kept_work() const;
  void calibrate(const KernelTable& kernels, ThreadPool& pool);

  QuantizeOptions options_;
  PlannedModel model_;
  std::optional<GgufFile> older_;
  std::unique_ptr<CalibrateTask> calibration_;
  std::optional<UsedCalibration> used_;
  CalibratedFiles* calibrated_ = nullptr;
  std::unique_ptr<HealedFiles> healed_files_;
  std::vector<MetadataEntry> steps_;  // before quantizing, for the provenance
  std::optional<QuantizeJob> job_;    // points into the others
};

}  // namespace lathe
