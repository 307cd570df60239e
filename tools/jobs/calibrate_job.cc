#include "tools/jobs/calibrate_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "models/registry.h"
#include "quant/calibrate/calibration_memory.h"
#include "quant/calibrate/input_group.h"
#include "runtime/algebra/blas_core.h"
#include "runtime/base/error.h"
#include "runtime/identity/fingerprint.h"
#include "tools/jobs/memory_check.h"

namespace lathe {
namespace {

// Tokens for each column of the widest input: fewer are noise, more hardly help.
constexpr std::size_t kFewTokens = 4, kEnoughTokens = 20;

}  // namespace

CalibrateTask::CalibrateTask(const CalibrateOptions& options, const TensorSource& file,
                             const ReplacedTensors* replaced, const KernelTable& kernels,
                             const Notes& notes)
    : options_(options),
      file_(file),
      kernels_(kernels),
      notes_(notes),
      model_(load_model(file)),
      weights_(replaced == nullptr ? model_->weights() : overlay_of(*model_, *replaced)),
      texts_(file, options.text) {
  origin_ = {.texts = texts_.names(),
             .sha256 = texts_.sha256(),
             .n_tokens = texts_.set().n_items(),
             .n_ctx = texts_.n_ctx(),
             .tokens_sha256 = texts_.tokens_sha256(),
             .settings = options.settings,
             .tier = std::string(kernels.tier),
             .blas = blas_core(),
             .cache = "f16"};
}

CalibrateTask::~CalibrateTask() = default;

std::string CalibrateTask::fingerprint(const QuantizeJob& job) const {
  return calibration_fingerprint(origin_, job.identity->fingerprint, decisions_sha256(job.plan));
}

void CalibrateTask::say_what_the_text_is(const QuantizeJob& job) const {
  for (const std::string& warning : texts_.warnings()) notes_.warn(warning);
  std::size_t widest = 0;
  for (const PlannedTensor& t : job.plan.tensors) {
    if (is_calibrated_role(t.source.name) && !t.copied()) {
      widest = std::max<std::size_t>(widest, t.source.cols());
    }
  }
  if (widest == 0) return;
  if (const std::size_t n = origin_.n_tokens; n < kFewTokens * widest) {
    notes_.warn(fmt::format(
        "{} tokens of calibration text are {:.1f} for each of the {} columns of the widest matrix: "
        "{} and more of each are good ({} tokens), fewer than {} may do harm",
        n, static_cast<double>(n) / static_cast<double>(widest), widest, kEnoughTokens,
        kEnoughTokens * widest, kFewTokens));
  }
  if (const std::string missing = texts_.missing_characters(file_); !missing.empty()) {
    notes_.warn(fmt::format(
        "the calibration text never shows these characters, where the new file may be off: {} (a "
        "text with line ends, code and several kinds of writing shows more)",
        missing));
  }
}

CalibratedFiles& CalibrateTask::run(const QuantizeJob& job, ThreadPool& pool,
                                    const std::function<bool(double, std::string_view)>& progress) {
  refuse_beyond_memory({.work = "calibration",
                        .fewer_words = "--calibrate-tokens",
                        .spill_folder = options_.order.spill_folder,
                        .budget = options_.memory},
                       calibration_memory(weights_, origin_.n_tokens));
  say_what_the_text_is(job);
  OutputGate gate = job.gate == nullptr ? OutputGate{} : *job.gate;
  files_ = std::make_unique<CalibratedFiles>(CalibratedFiles::folder_for(job.out_path),
                                             fingerprint(job), std::move(gate), options_.resume);
  const RunModel model{.model = *model_,
                       .files = file_.files(),
                       .skipped_layers = job.plan.pruned_layers,
                       .name = file_.path(),
                       .overlay = &weights_};
  const EngineOptions engine{.model = file_.path(), .n_ctx = origin_.n_ctx};
  calibrate({.model = model,
             .plan = job.plan,
             .set = texts_.set(),
             .kernels = kernels_,
             .pool = pool,
             .run = kept_run_options({model}, engine, options_.order, kernels_, pool, origin_.n_ctx,
                                     notes_),
             .settings = options_.settings,
             .progress = progress},
            *files_);
  return *files_;
}

}  // namespace lathe
