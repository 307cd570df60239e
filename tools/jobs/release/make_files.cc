// The steps that write GGUF files.
#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "quant/pipeline/output_set.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "runtime/gguf/size_summary.h"
#include "runtime/identity/fingerprint.h"
#include "tools/jobs/collect_imatrix.h"
#include "tools/jobs/quantize_job.h"
#include "tools/jobs/release/figures_json.h"
#include "tools/jobs/release/made_file.h"
#include "tools/jobs/release/pruning.h"
#include "tools/jobs/release/run_step.h"
#include "tools/jobs/release/sized_plan.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;
namespace fs = std::filesystem;

// Chunks after which what an importance matrix has so far is written out.
constexpr std::size_t kSaveEvery = 25;

ImatrixRequest imatrix_request(const StepContext& context) {
  const ReleaseCalibration& calibration = context.recipe.calibration;
  ImatrixRequest request;
  request.engine.model = context.recipe.source;
  request.engine.n_threads = context.engine.n_threads;
  request.engine.n_ctx = calibration.n_ctx;
  request.text.files = calibration.texts;
  request.text.max_chunks = calibration.max_chunks;
  request.save_every = kSaveEvery;
  request.perplexity = false;
  return request;
}

// The parts of a step, as shares of its time: healing, calibrating, quantizing.
struct StepParts {
  double heal = 0.0, calibrate = 0.0;

  explicit StepParts(const ReleaseVariant& variant) {
    if (variant.heal) heal = variant.calibrated ? 0.5 : 0.9;
    if (variant.calibrated) calibrate = 0.95 * (1.0 - heal);
  }
  double healing(double share) const { return heal * share; }
  double calibrating(double share) const { return heal + calibrate * share; }
  double quantizing(double share) const {
    return heal + calibrate + (1.0 - heal - calibrate) * share;
  }
};

// What a stopped run left is gone on with where that run was the same.
QuantizeOptions quantize_options(const StepContext& context, const ModelToMake& model,
                                 bool same_run) {
  QuantizeOptions options;
  options.plan = plan_options(context.recipe, context.steps, model.variant);
  options.out = model.path;
  options.resume = same_run && kept_work(model.path).any();
  options.gate = &context.gate;
  if (model.variant.calibrated) {
    const ReleaseCalibration& calibration = context.recipe.calibration;
    options.calibrate.text = {.files = calibration.texts,
                              .n_ctx = calibration.n_ctx,
                              .max_tokens = calibration.max_tokens};
    options.notes = context.notes;
    options.calibrating = [&context, parts = StepParts(model.variant)](double fraction,
                                                                       std::string_view what) {
      return context.progress(parts.calibrating(fraction), what);
    };
  }
  options.hashing = [&context](double fraction) {
    return context.progress(0.05 * fraction, "hashing the model");
  };
  return options;
}

// Looking through, writing and verifying as one: about as long as each other, encoding longest.
double done_share(const QuantizeProgress& p) {
  const double share = p.elements_total == 0 ? 0.0
                                             : static_cast<double>(p.elements_done) /
                                                   static_cast<double>(p.elements_total);
  constexpr double kCheck = 0.05, kEncode = 0.9;
  switch (p.phase) {
    case QuantizePhase::kCheck:
      return kCheck * share;
    case QuantizePhase::kEncode:
      return kCheck + (kEncode - kCheck) * share;
    case QuantizePhase::kVerify:
      break;
  }
  return kEncode + (1.0 - kEncode) * share;
}

void warn_of_plan(const StepContext& context, const ModelToMake& model, const PlannedModel& of) {
  for (const std::string& note : of.imatrix_notes) context.notes.warn(model.name + ": " + note);
  for (const RuleReport& report : of.plan.rule_reports) {
    if (report.without_effect()) context.notes.warn(model.name + ": " + report.text());
  }
}

// The plan in the place of what it was made of.
void use_plan(const std::string& path, PlanOptions& options) {
  options.plan_file = path;
  options.rules.clear();
  options.prune_layers.reset();
  options.output_type.clear();
  options.embedding_type.clear();
}

// Heals the model that is pruned; what to say of it.
std::string heal(const StepContext& context, QuantizeTask& task, const KernelTable& kernels,
                 ThreadPool& pool, const StepParts& parts) {
  HealRequest request;
  const ReleaseCalibration& calibration = context.recipe.calibration;
  request.texts = calibration.texts;
  request.n_ctx = calibration.n_ctx;
  if (calibration.max_tokens > 0) request.max_chunks = calibration.max_tokens / calibration.n_ctx;
  const HealOutcome outcome =
      task.heal(request, kernels, pool, context.notes, [&](double fraction, std::string_view what) {
        return context.progress(parts.healing(fraction), what);
      });
  const DivergenceResult &pruned = outcome.figures.pruned, &healed = outcome.figures.healed;
  return {
      fmt::format("healed (before quantizing, on held-out calibration text: KLD {:.4f} instead "
                  "of {:.4f}, PPL {:.2f} instead of {:.2f}, the source has {:.2f})",
                  healed.kld.value, pruned.kld.value, healed.ppl.value, pruned.ppl.value,
                  healed.ppl_base.value)};
}

Json result_json(const ModelToMake& model, const QuantizeResult& result,
                 const std::vector<std::string>& notes, const JobProgress& progress) {
  const GgufFile file = GgufFile::open(model.path);
  const ModelIdentity identity = model_identity(
      file,
      {.progress = [&](double f) { return progress(0.9 + 0.05 * f, "hashing the new file"); }});
  std::vector<TensorErrorFigure> errors;
  for (const TensorError& e : result.errors) {
    errors.push_back({e.name, std::string(format_name(e.format)), e.relative_rms, e.weighted});
  }
  Json stamp = stamp_json(model.path, progress);
  return {{"file",
           file_json({.name = fs::path(model.path).filename().string(),
                      .bytes = file.total_file_bytes(),
                      .sha256 = stamp["sha256"].get<std::string>(),
                      .fingerprint = identity.fingerprint,
                      .bits_per_weight = summarize_sizes(file.tensors()).total.bits_per_weight()})},
          {"stamp", std::move(stamp)},
          {"errors", errors_json(errors)},
          {"notes", notes}};
}

}  // namespace

void make_imatrix(const StepContext& context, const ReleaseStep& step) {
  const StepEntry& entry = step.entries.front();
  const std::string& path = context.steps.imatrix_path;
  refuse_foreign(path, entry.key, context.state);
  ImatrixRequest request = imatrix_request(context);
  OutputGate gate = context.gate;
  const ImatrixFiles files{gate.admit(path, {.what = "the importance matrix"}),
                           gate.admit(path + ".resume", {.what = "its checkpoint"})};
  request.resume =
      context.state.begun(entry.key, entry.identity) && fs::exists(files.checkpoint.path());
  context.state.begin(entry.key, entry.identity);
  ImatrixRun run(request, files, context.engine.isa, context.notes, context.progress);
  const std::size_t n_chunks = run.n_chunks();
  run.run([&](std::size_t, const std::optional<Estimate>&, double fraction, std::string_view what) {
    return context.progress(fraction, what);
  });
  Json stamp = stamp_json(path, context.progress);
  const ReleaseFile file{.name = fs::path(path).filename().string(),
                         .bytes = stamp["bytes"].get<std::uint64_t>(),
                         .sha256 = stamp["sha256"].get<std::string>()};
  context.state.put(entry.key, entry.identity,
                    {{"file", file_json(file)}, {"stamp", stamp}, {"n_chunks", n_chunks}});
}

void make_file(const StepContext& context, const ReleaseStep& step) {
  const StepEntry& entry = step.entries.front();
  ModelToMake model = context.steps.models[entry.model];
  model.variant = with_chosen_layers(std::move(model.variant), context.steps, context.state);
  refuse_foreign(model.path, entry.key, context.state);
  const bool same_run = context.state.begun(entry.key, entry.identity);
  context.state.begin(entry.key, entry.identity);
  QuantizeOptions options = quantize_options(context, model, same_run);
  std::vector<std::string> notes;
  if (model.variant.size) {
    const SizedVariantPlan plan = make_sized_plan(context, model);
    use_plan(plan.path, options.plan);
    notes.push_back(fmt::format("predicted KLD {:.6f}", plan.predicted));
  }
  QuantizeTask task(options);
  warn_of_plan(context, model, task.model());
  const KernelTable kernels = kernels_of(context.engine.isa);
  ThreadPool pool({.n_threads = context.engine.n_threads});
  const StepParts parts(model.variant);
  if (model.variant.heal) notes.push_back(heal(context, task, kernels, pool, parts));
  const QuantizeRun run = task.run(kernels, pool, [&](const QuantizeProgress& p) {
    return context.progress(parts.quantizing(done_share(p)),
                            p.tensor == nullptr ? "" : p.tensor->name);
  });
  for (const std::string& warning : run.result.warnings) {
    context.notes.warn(model.name + ": " + warning);
  }
  context.state.put(entry.key, entry.identity,
                    result_json(model, run.result, notes, context.progress));
}

}  // namespace lathe
