#include "tools/jobs/quantize_job.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <utility>

#include "models/import/import_checkpoint.h"
#include "models/registry.h"
#include "quant/heal/healed_source.h"
#include "quant/pipeline/provenance.h"
#include "quant/pipeline/room.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/checkpoint/file_hashes.h"
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

// Columns that mean other heads and neurons than before have the importance that these have.
void take_importance(const HealResult& healed, Imatrix& imatrix) {
  for (const HealedHalf& half : healed.halves) {
    if (half.column_squares.empty()) continue;
    const auto found = imatrix.entries.find(tensor_name({half.output, half.layer}));
    if (found == imatrix.entries.end()) continue;
    ImatrixEntry& entry = found->second;
    entry.sum2 = half.column_squares;
    entry.counts = {static_cast<float>(healed.n_fitted)};
    entry.sum.clear();
  }
}

// What need not wait until all of the source is hashed.
void refuse_early(const QuantizeOptions& options, const PlanOptions& plan,
                  const TensorSource& source) {
  if (options.resume && !kept_work(options.out).any()) {
    throw usage_error(
        fmt::format("{}: nothing to resume, no interrupted run left anything there", options.out));
  }
  check_room(options.out, plan_of(plan, read_model_header(source)).bytes());
}

PlanOptions with_identity(const QuantizeOptions& options) {
  PlanOptions plan = options.plan;
  plan.calibrated = options.calibrate.wanted();
  if (options.identify) {
    plan.identify = [&, planned = plan](const TensorSource& source) {
      refuse_early(options, planned, source);
      return model_identity(source, {.progress = options.hashing});
    };
  }
  return plan;
}

// The files of a checkpoint, each as "NAME SHA256": what hubs say of them, too.
MetadataEntry checkpoint_provenance(const TensorSource& source, const HashProgress& progress) {
  ThreadPool pool({.pin = false});
  const auto files = source.files();
  const std::vector<std::string> hashes = sha256_of_files(files, pool, progress);
  StringList list;
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    const fs::path path = files[i].path();
    list.push_back(fmt::format("{} {}", path.filename().string(), hashes[i]));
  }
  return {"lathe.convert.files", Value::strings(std::move(list))};
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
    : options_(options), model_(plan_model(with_identity(options))) {
  if (!options.reuse.empty()) older_ = GgufFile::open(options.reuse);
  if (options.identify && options.provenance && is_checkpoint(options.plan.model)) {
    steps_.push_back(checkpoint_provenance(*model_.source, options.hashing));
  }
  make_job();
}

void QuantizeTask::make_job() {
  job_.emplace(model_.job(options_.out, options_.plan.allow_requantize));
  job_->reuse = older_ ? &*older_ : nullptr;
  job_->split = options_.split;
  job_->resume = options_.resume;
  job_->gate = options_.gate;
  job_->provenance = options_.provenance;
  job_->steps = steps_;
  if (calibrates()) {  // told in full when the texts are read
    used_ = UsedCalibration{{}, std::string(64, '0'), nullptr};
    job_->calibration = &*used_;
  }
  job_->check_loads = [this](const GgufFile& written) {
    return check_loads(written, *model_.source);
  };
}

HealOutcome QuantizeTask::heal(const HealRequest& request, const KernelTable& kernels,
                               ThreadPool& pool, const Notes& notes, const JobProgress& progress) {
  refuse_without_kept_work();
  check_before_work(*job_);
  const HealKeeping keeping{
      .out_path = job_->out_path,
      .source_fingerprint = model_.identity ? model_.identity->fingerprint : "",
      .gate = job_->gate == nullptr ? OutputGate{} : *job_->gate,
      .resume = options_.resume};
  HealOutcome outcome = heal_model(*model_.source, model_.plan.pruned_layers, request, keeping,
                                   kernels, pool, notes, progress);
  healed_files_ = std::move(outcome.files);
  for (MetadataEntry& step :
       heal_provenance(outcome, model_.identity ? model_.identity->fingerprint : "")) {
    steps_.push_back(std::move(step));
  }
  if (model_.imatrix) take_importance(outcome.result, *model_.imatrix);
  model_.source =
      std::make_unique<HealedSource>(std::move(model_.source), std::move(outcome.result.tensors));
  if (model_.identity) {
    model_.identity = model_identity(*model_.source, {.pool = &pool, .progress = options_.hashing});
  }
  make_job();
  return outcome;
}

KeptWork kept_work(const std::string& out_path) {
  return {.n_tensors = resumable_tensors(out_path),
          .n_calibrated_parts = CalibratedFiles::n_parts(out_path),
          .n_healed_parts = HealedFiles::n_parts(out_path)};
}

std::size_t QuantizeTask::n_given_up() const {
  return job_->resume ? 0 : resumable_tensors(job_->out_path);
}

std::string QuantizeTask::load_problem() const { return rehearse_load(*job_); }

void QuantizeTask::refuse_without_kept_work() const {
  if (!options_.resume || kept_work(job_->out_path).any()) return;
  throw usage_error(fmt::format("{}: nothing to resume, there is no {}", job_->out_path,
                                calibrates() ? CalibratedFiles::folder_for(job_->out_path)
                                             : HealedFiles::folder_for(job_->out_path)));
}

// Before anything is written under the output's name.
void QuantizeTask::calibrate(const KernelTable& kernels, ThreadPool& pool) {
  const auto* healed = dynamic_cast<const HealedSource*>(model_.source.get());
  const TensorSource& opened = healed == nullptr ? *model_.source : healed->original();
  refuse_without_kept_work();
  CalibrateOptions options = options_.calibrate;
  options.resume = options_.resume;
  calibration_ = std::make_unique<CalibrateTask>(
      options, opened, healed == nullptr ? nullptr : &healed->replaced(), kernels, options_.notes);
  used_ = UsedCalibration{calibration_->origin(), calibration_->fingerprint(*job_), nullptr};
  job_->calibration = &*used_;
  check_before_work(*job_, job_->plan.bytes());
  const bool all_there =
      older_ && older_->metadata().text(kCalibrationKey) == std::string_view(used_->fingerprint);
  if (all_there) return;
  calibrated_ = &calibration_->run(*job_, pool, options_.calibrating);
  used_->files = calibrated_;
}

QuantizeRun QuantizeTask::run(const KernelTable& kernels, ThreadPool& pool,
                              std::function<bool(const QuantizeProgress&)> progress) {
  if (const std::string problem = load_problem(); !problem.empty()) throw failed(problem);
  job_->progress = std::move(progress);
  const auto start = std::chrono::steady_clock::now();
  if (calibrates()) calibrate(kernels, pool);
  if (calibrates() || healed_files_ != nullptr) {  // they may have been all that was kept
    job_->resume = options_.resume && resumable_tensors(job_->out_path) > 0;
  }
  QuantizeRun run{quantize(*job_, kernels, pool), {}};
  if (calibrated_ != nullptr) {
    run.calibrated = calibrated_->tensors();
    calibrated_->remove();
  }
  if (healed_files_ != nullptr) healed_files_->remove();
  run.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return run;
}

}  // namespace lathe
