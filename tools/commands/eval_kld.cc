// lathe eval kld: divergence from a base model on a text.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "models/registry.h"
#include "quant/eval/base/divergence_base.h"
#include "quant/eval/divergence.h"
#include "quant/eval/divergence_report.h"
#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/running_values.h"
#include "tools/commands/eval_commands.h"
#include "tools/commands/options/eval_text_options.h"
#include "tools/commands/options/run_inputs.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

struct KldOptions {
  EvalTextOptions common;
  std::string base;
  bool compat = false;
};

// The base: a model that runs along, or a file that one wrote.
struct Base {
  explicit Base(const std::string& path) {
    if (is_divergence_base(path)) {
      kept = open_divergence_base(path);
      fmt::print(stderr, "base: {}\n", kept->description());
    } else {
      file.emplace(GgufFile::open(path));
      model = load_model(*file);
    }
  }
  Json json(const std::string& path) const {
    if (file) return model_json(*file);
    return {{"file", path}, {"description", kept->description()}, {"content", kept->content()}};
  }
  // What checkpoints name it by.
  std::string name() const {
    return file ? model_json(*file)["fingerprint"].get<std::string>() : kept->description();
  }

  std::unique_ptr<DivergenceBase> kept;  // one of
  std::optional<GgufFile> file;          // these two
  std::unique_ptr<Model> model;
};

template <std::size_t kN>
Json percentiles_json(const std::array<double, kN>& fractions,
                      const std::array<double, kN>& values) {
  Json out = Json::object();
  for (std::size_t i = 0; i < kN; ++i) out[fmt::format("{:g}", 100.0 * fractions[i])] = values[i];
  return out;
}

// Probabilities and shares as fractions.
void put_divergence(Json& out, const DivergenceResult& r) {
  put(out, "ppl", r.ppl);
  put(out, "ppl_base", r.ppl_base);
  out["ln_ppl_correlation"] = r.ln_ppl_correlation;
  put(out, "ln_ppl_ratio", r.ln_ppl_ratio);
  put(out, "ppl_ratio", r.ppl_ratio);
  put(out, "ppl_difference", r.ppl_difference);
  put(out, "kld", r.kld);
  out["kld_percentiles"] = percentiles_json(kKldPercentiles, r.kld_percentiles);
  put(out, "delta_p", r.delta_p);
  out["delta_p_percentiles"] = percentiles_json(kDeltaPercentiles, r.delta_p_percentiles);
  put(out, "rms_delta_p", r.rms_delta_p);
  put(out, "same_top", r.same_top);
  put(out, "top_overlap", r.top_overlap);
}

class KldRun {
 public:
  KldRun(const KldOptions& options, const ToolContext& context)
      : options_(options.common),
        base_path_(options.base),
        precision_(options.compat ? BasePrecision::k16Bits : BasePrecision::kFull),
        open_(options_.engine, context.isa),
        base_(options.base),
        text_(open_base_text()),
        checkpoint_(options_.resume, identity()),
        records_(checkpoint_.load(text_.n_chunks())),
        values_("divergence", text_.n_chunks(), false),
        n_before_(records_.size()) {
    if (base_.file) check_same_vocabulary(base_.file->metadata(), open_.file.metadata());
    if (base_.kept) check_same_text(*base_.kept, text_, open_.model->traits().n_vocab);
    if (base_.kept && options.compat) {
      throw usage_error("--compat is for a base that is a model: a file has its precision already");
    }
  }

  void run() {
    std::vector<RunModel> models;
    if (base_.model) models.push_back({*base_.model, base_.file->files(), {}, "the base"});
    models.push_back({*open_.model, open_.file.files(), skipped_layers(options_, *open_.model),
                      "the candidate"});
    const auto runner = open_runner(std::move(models), options_.engine, options_.order,
                                    open_.kernels, open_.pool, text_.n_ctx(), notes_on_screen());
    const EvalContext context{*runner, open_.kernels, open_.pool};
    const ChunkProgress progress = [&](const ChunkRecords& so_far, double fraction,
                                       std::string_view step) {
      show(so_far);
      values_.update(fraction, step);
      checkpoint_.offer(so_far);
      return !InterruptGuard::requested();
    };
    if (options_.form.text()) print_headers();
    if (base_.kept) {
      measure_divergence(context, text_, *base_.kept, records_, progress);
    } else {
      measure_divergence(context, text_, records_, progress, precision_);
    }
    show(records_);
    const double seconds = values_.seconds();
    values_.finish();
    print(meter_.summary(true), seconds);
    checkpoint_.finish();
  }

  void interrupted() {
    values_.finish();
    checkpoint_.interrupted(records_);
  }

 private:
  // A file has its context and chunks: where none are asked for, they are those.
  TextChunks open_base_text() {
    if (base_.kept && options_.engine.n_ctx == 0) options_.engine.n_ctx = base_.kept->text().n_ctx;
    if (base_.kept && options_.text.max_chunks == 0) {
      options_.text.max_chunks = base_.kept->text().n_chunks;
    }
    return open_text(base_.file ? *base_.file : open_.file, options_.text, options_.engine,
                     &origin_);
  }

  RunIdentity identity() const {
    RunIdentity of = text_identity("kld", options_, open_, text_, origin_);
    of.emplace_back("base", base_.name());
    of.emplace_back("--compat", precision_ == BasePrecision::k16Bits ? "on" : "off");
    return of;
  }

  void print_headers() const {
    std::vector<std::string> lines = header_lines(options_, open_, text_, origin_);
    const bool compat = precision_ == BasePrecision::k16Bits;
    lines.push_back("base: " + (base_.file ? model_words(*base_.file) : base_.kept->description()) +
                    (compat ? ", --compat" : ""));
    print_header("kld", lines);
    fmt::print("{}", divergence_chunk_header());
  }

  void show(const ChunkRecords& records) {
    for (; n_shown_ < records.size(); ++n_shown_) {
      add_chunk(records[n_shown_], 0, 1, meter_);
      if (!options_.form.text()) continue;
      values_.finish();
      fmt::print("{}", divergence_chunk_line(n_shown_, meter_.summary(false)));
      std::fflush(stdout);
    }
  }

  void print(const DivergenceResult& result, double seconds) const {
    if (options_.form.text()) {
      fmt::print("{}", divergence_report(result));
      print_rate((text_.n_chunks() - n_before_) * text_.n_ctx(), seconds);
      return;
    }
    Json out = result_header(options_, open_, text_, origin_, seconds);
    out["base"] = base_.json(base_path_);
    put_divergence(out, result);
    print_result(out, options_.form);
  }

  EvalTextOptions options_;
  std::string base_path_;
  BasePrecision precision_;
  OpenModel open_;
  Base base_;
  TextOrigin origin_;
  TextChunks text_;
  EvalCheckpoint checkpoint_;
  ChunkRecords records_;
  DivergenceMeter meter_;
  RunningValues values_;
  std::size_t n_before_, n_shown_ = 0;
};

}  // namespace

void add_eval_kld(CLI::App& eval, ToolContext& context) {
  auto options = std::make_shared<KldOptions>();
  CLI::App* command =
      add_text_measure(eval, "kld", "Divergence from a base model on a text", options->common);
  command
      ->add_option("--base,--kl-divergence-base", options->base,
                   "The base: a model (usually the original), or what eval ppl --save-base or "
                   "--save-logits, or llama.cpp, wrote of one")
      ->required()
      ->type_name("FILE");
  command->add_flag("--compat", options->compat,
                    "With a model as base: figures from logits in 16 bits, clipped 16 nats below "
                    "the largest, as llama.cpp's are");
  command->footer(
      "A model as base runs at the same time, and all figures come from full distributions in\n"
      "double precision. Several models against one base: lathe eval all.");
  command->callback([options, &context] {
    OutputGate gate;
    reads_model(gate, options->common.engine.model);
    reads_model(gate, options->base, "the base");
    reads_text(gate, options->common.text);
    options->common.resume.admit_with(gate);
    KldRun run(*options, context);
    context.exit_code = run_interruptible([&] { run.run(); }, [&] { run.interrupted(); });
  });
}

}  // namespace lathe
