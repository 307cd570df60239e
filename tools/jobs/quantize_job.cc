#include "tools/jobs/quantize_job.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "models/registry.h"
#include "quant/pipeline/provenance.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/tokenizer.h"
#include "tools/jobs/rehearsal.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

bool is_known(std::string_view architecture) {
  const auto known = known_architectures();
  return std::find(known.begin(), known.end(), architecture) != known.end();
}

// The model, and its tokenizer where it has one. Error (kBadInput).
void load(const GgufFile& file) {
  load_model(file);
  if (file.metadata().has("tokenizer.ggml.model")) Tokenizer::from_metadata(file.metadata());
}

bool loads(const TensorSource& source) {
  const auto* file = dynamic_cast<const GgufFile*>(&source);
  if (file == nullptr) return true;  // of another kind: what is made of it must load
  try {
    load(*file);
    return true;
  } catch (const Error&) {
    return false;
  }
}

// The new file must load as a model, unless its source does not either: lathe writes models that it
// cannot run.
std::string check_loads(const GgufFile& written, const TensorSource& source) {
  const std::string_view architecture = written.metadata().require_text("general.architecture");
  if (!is_known(architecture)) {
    return fmt::format(
        "{} was not loaded as a model: architecture {} is none that lathe runs; everything else "
        "was verified",
        written.path(), quoted(architecture));
  }
  try {
    load(written);
  } catch (const Error& error) {
    if (loads(source)) throw;
    return fmt::format("the new file does not load as a model, nor does its source: {}",
                       error.what());
  }
  return {};
}

PlanOptions with_identity(const QuantizeOptions& options) {
  PlanOptions plan = options.plan;
  plan.calibrated = options.calibrate.wanted();
  if (options.identify) {
    plan.identify = [&](const GgufFile& file) {
      return model_identity(file, {.progress = options.hashing});
    };
  }
  return plan;
}

}  // namespace

std::string default_output(const PlanOptions& options) {
  if (options.recipe.empty()) throw usage_error("expected IN OUT; no output is given");
  const std::string name = fmt::format("ggml-model-{}.gguf", require_recipe(options.recipe).name);
  const std::string path = (fs::path(options.model).parent_path() / name).string();
  std::error_code ignored;
  if (fs::exists(fs::symlink_status(path, ignored))) {
    throw usage_error(fmt::format(
        "{} is there already; without OUT the new file would get that name: name another",
        quoted(path)));
  }
  return path;
}

QuantizeTask::QuantizeTask(const QuantizeOptions& options)
    : options_(options),
      model_(plan_model(with_identity(options))),
      job_(model_.job(options.out, options.plan.allow_requantize)) {
  if (!options.reuse.empty()) older_ = GgufFile::open(options.reuse);
  job_.reuse = older_ ? &*older_ : nullptr;
  job_.split = options.split;
  job_.resume = options.resume;
  job_.gate = options.gate;
  job_.provenance = options.provenance;
  job_.check_loads = [this](const GgufFile& written) {
    return check_loads(written, *model_.source);
  };
}

std::size_t QuantizeTask::n_given_up() const {
  return job_.resume ? 0 : resumable_tensors(job_.out_path);
}

std::string QuantizeTask::load_problem() const { return rehearse_load(job_); }

// Before anything is written under the output's name.
void QuantizeTask::calibrate(const KernelTable& kernels, ThreadPool& pool) {
  const auto* file = dynamic_cast<const GgufFile*>(model_.source.get());
  if (file == nullptr) throw usage_error("calibration runs GGUF models only");
  CalibrateOptions options = options_.calibrate;
  options.resume = options_.resume;
  calibration_ = std::make_unique<CalibrateTask>(options, *file, kernels, options_.notes);
  used_ = UsedCalibration{calibration_->origin(), calibration_->fingerprint(job_), nullptr};
  job_.calibration = &*used_;
  check_before_work(job_, job_.plan.bytes());
  const bool all_there =
      older_ && older_->metadata().text(kCalibrationKey) == std::string_view(used_->fingerprint);
  if (all_there) return;
  calibrated_ = &calibration_->run(job_, pool, options_.calibrating);
  used_->files = calibrated_;
  job_.resume = options_.resume && resumable_tensors(job_.out_path) > 0;
}

QuantizeRun QuantizeTask::run(const KernelTable& kernels, ThreadPool& pool,
                              std::function<bool(const QuantizeProgress&)> progress) {
  if (const std::string problem = load_problem(); !problem.empty()) throw failed(problem);
  job_.progress = std::move(progress);
  const auto start = std::chrono::steady_clock::now();
  if (options_.calibrate.wanted()) calibrate(kernels, pool);
  QuantizeRun run{quantize(job_, kernels, pool), {}};
  if (calibrated_ != nullptr) {
    run.calibrated = calibrated_->tensors();
    calibrated_->remove();
  }
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

}  // namespace lathe
