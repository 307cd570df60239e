#include "tools/jobs/heal_job.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "models/registry.h"
#include "quant/heal/heal_memory.h"
#include "quant/heal/layer_blocks.h"
#include "quant/plan/layer_list.h"
#include "runtime/algebra/blas_core.h"
#include "runtime/base/digest.h"
#include "runtime/base/error.h"
#include "runtime/identity/build_info.h"
#include "tools/jobs/calibration_chunks.h"
#include "tools/jobs/memory_check.h"

namespace lathe {
namespace {

constexpr double kShareOfFit = 0.85;  // of the progress; the rest is measuring

TextChunks held_out_chunks(const TextChunks& text, std::size_t every) {
  const CalibrationRows rows{text.n_chunks(), text.n_ctx(), every};
  std::vector<Token> tokens;
  for (std::size_t i = 0; i < text.n_chunks(); ++i) {
    if (!rows.held_out(i)) continue;
    tokens.insert(tokens.end(), text.chunk(i).begin(), text.chunk(i).end());
  }
  return {std::move(tokens), text.n_ctx(), 0, std::nullopt};
}

// In the keys of the architecture; another value than the model's own changes little.
double norm_epsilon(const Metadata& metadata, double otherwise) {
  const auto architecture = metadata.text("general.architecture");
  if (!architecture) return otherwise;
  const auto value =
      metadata.real(std::string(*architecture) + ".attention.layer_norm_rms_epsilon");
  return value.value_or(otherwise);
}

std::string hash_of_tokens(const TextChunks& text) {
  Sha256 digest;
  for (std::size_t i = 0; i < text.n_chunks(); ++i) {
    const auto chunk = text.chunk(i);
    digest.update({reinterpret_cast<const std::uint8_t*>(chunk.data()), chunk.size_bytes()});
  }
  return digest.hex();
}

class HealJob {
 public:
  HealJob(const TensorSource& file, const std::vector<int>& pruned, const HealRequest& request,
          const HealKeeping& keeping, const KernelTable& kernels, ThreadPool& pool,
          const Notes& notes, const JobProgress& progress)
      : file_(file),
        pruned_(pruned),
        request_(request),
        keeping_(keeping),
        kernels_(kernels),
        pool_(pool),
        notes_(notes),
        progress_(progress),
        model_(load_model(file)) {
    engine_.n_ctx = request.n_ctx;
    options_.spill_folder = request.order.spill_folder;
    options_.norm_epsilon = norm_epsilon(file.metadata(), options_.norm_epsilon);
  }

  HealOutcome run() {
    const auto start = std::chrono::steady_clock::now();
    const TextOptions whole{.files = request_.texts};
    HealOutcome out;
    const TextChunks text =
        spread_chunks(open_text(file_, whole, engine_, &out.text), request_.max_chunks);
    for (const std::string& warning : out.text.warnings) notes_.warn(warning);
    out.n_ctx = text.n_ctx();
    out.n_chunks = text.n_chunks();
    out.kernels = fmt::format("{}, OpenBLAS {}", kernels_.tier, blas_core());
    refuse_beyond_memory({.work = "healing",
                          .fewer_words = "--heal-chunks",
                          .spill_folder = options_.spill_folder,
                          .budget = request_.memory},
                         heal_memory(*model_, pruned_, options_, text.n_chunks() * text.n_ctx()));
    out.files = std::make_unique<HealedFiles>(HealedFiles::folder_for(keeping_.out_path),
                                              fingerprint(text, out.kernels), keeping_.gate,
                                              keeping_.resume);
    out.result = heal_pruned(context(text.n_ctx(), *out.files), text, pruned_, options_,
                             [&](double fraction, std::string_view step) {
                               return progress_(kShareOfFit * fraction, step);
                             });
    out.figures = figures_of(records(text, out.result.tensors, *out.files));
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    out.seconds = took.count();
    return out;
  }

 private:
  HealContext context(std::size_t n_ctx, HealedFiles& files) const {
    return {{*model_, file_.files()},
            kernels_,
            pool_,
            [this, n_ctx](RunModel model) { return runner({std::move(model)}, n_ctx); },
            &files};
  }

  // What decides every byte.
  std::string fingerprint(const TextChunks& text, const std::string& kernels) const {
    const std::string words = fmt::format(
        "lathe {}\nsource {}\nwithout {}\ntokens of {}: {}\nridge {:g}, every {} held out, units "
        "pooled {}, inputs fitted {}, epsilon {:g}\n{}\ncache f16\n",
        build_words(), keeping_.source_fingerprint, layer_list_text(pruned_), text.n_ctx(),
        hash_of_tokens(text), options_.ridge, options_.held_out_every, options_.pool_units,
        options_.fit_inputs, options_.norm_epsilon, kernels);
    return sha256_hex({reinterpret_cast<const std::uint8_t*>(words.data()), words.size()});
  }

  std::unique_ptr<ForwardRunner> runner(std::vector<RunModel> models, std::size_t n_ctx) const {
    const RunOptions run =
        kept_run_options(models, engine_, request_.order, kernels_, pool_, n_ctx);
    return make_forward_runner(std::move(models), kernels_, pool_, run);
  }

  // On the held-out part: of the pruned and of the healed model.
  ChunkRecords records(const TextChunks& text, const ReplacedTensors& tensors,
                       HealedFiles& files) const {
    if (auto kept = files.take_up_records()) return std::move(*kept);
    const WeightSet healed = overlay_of(*model_, tensors);
    const auto all = runner({{*model_, file_.files(), {}, "the original"},
                             {*model_, file_.files(), pruned_, "the pruned model"},
                             {*model_, file_.files(), pruned_, "the healed model", &healed}},
                            text.n_ctx());
    ChunkRecords records;
    measure_divergence({*all, kernels_, pool_}, held_out_chunks(text, options_.held_out_every),
                       records, [&](const ChunkRecords&, double fraction, std::string_view) {
                         return progress_(kShareOfFit + (1.0 - kShareOfFit) * fraction,
                                          "measuring");
                       });
    files.write_records(records);
    return records;
  }

  static HealFigures figures_of(const ChunkRecords& records) {
    DivergenceMeter meters[2];
    for (const auto& record : records) {
      for (std::size_t m = 0; m < 2; ++m) add_chunk(record, m, 2, meters[m]);
    }
    return {meters[0].summary(true), meters[1].summary(true)};
  }

  const TensorSource& file_;
  const std::vector<int>& pruned_;
  const HealRequest& request_;
  const HealKeeping& keeping_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  const Notes& notes_;
  const JobProgress& progress_;
  const std::unique_ptr<Model> model_;
  EngineOptions engine_;
  HealOptions options_;
};

}  // namespace

HealOutcome heal_model(const TensorSource& file, const std::vector<int>& pruned,
                       const HealRequest& request, const HealKeeping& keeping,
                       const KernelTable& kernels, ThreadPool& pool, const Notes& notes,
                       const JobProgress& progress) {
  if (pruned.empty()) throw usage_error("--heal goes with --prune-layers: nothing is pruned");
  return HealJob(file, pruned, request, keeping, kernels, pool, notes, progress).run();
}

std::vector<MetadataEntry> heal_provenance(const HealOutcome& outcome,
                                           const std::string& fingerprint) {
  const std::size_t n_tokens = outcome.result.n_fitted + outcome.result.n_held_out;
  return {{"lathe.heal.text", Value::strings(outcome.text.names)},
          {"lathe.heal.text_sha256", Value::strings(outcome.text.sha256)},
          {"lathe.heal.tokens", Value::u32(static_cast<std::uint32_t>(n_tokens))},
          {"lathe.heal.context", Value::u32(static_cast<std::uint32_t>(outcome.n_ctx))},
          {"lathe.heal.kernels", Value::text(outcome.kernels)},
          {"lathe.heal.source_fingerprint", Value::text(fingerprint)}};
}

}  // namespace lathe
