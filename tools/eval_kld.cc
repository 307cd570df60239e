// lathe eval kld: divergence from a base model on a text.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "models/registry.h"
#include "quant/eval/divergence.h"
#include "quant/eval/divergence_report.h"
#include "tools/eval_commands.h"
#include "tools/eval_text_options.h"
#include "tools/interrupt.h"
#include "tools/running_values.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

struct KldOptions {
  EvalTextOptions common;
  std::string base;
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
        open_(options_.engine, context),
        base_file_(GgufFile::open(options.base)),
        base_model_(load_model(base_file_)),
        text_(open_text(base_file_, options_.text, options_.engine, &origin_)),
        checkpoint_(options_.resume, identity()),
        records_(checkpoint_.load()),
        values_("divergence", text_.n_chunks(), false),
        n_before_(records_.size()) {
    check_same_vocabulary(base_file_.metadata(), open_.file.metadata());
  }

  void run() {
    const auto runner =
        open_runner({{*base_model_, base_file_.files(), {}, "the base"},
                     {*open_.model, open_.file.files(), skipped_layers(options_, *open_.model),
                      "the candidate"}},
                    options_.engine, options_.order, open_.kernels, open_.pool, text_.n_ctx());
    if (options_.form.text()) fmt::print("{}", divergence_chunk_header());
    measure_divergence({*runner, open_.kernels, open_.pool}, text_, records_,
                       [&](const ChunkRecords& so_far, double fraction, std::string_view step) {
                         show(so_far);
                         values_.update(fraction, step);
                         checkpoint_.offer(so_far);
                         return !InterruptGuard::requested();
                       });
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
  RunIdentity identity() const {
    RunIdentity of = text_identity("kld", options_, open_, text_, origin_);
    of.emplace_back("base", model_json(base_file_)["fingerprint"].get<std::string>());
    return of;
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
    out["base"] = model_json(base_file_);
    put_divergence(out, result);
    print_result(out, options_.form);
  }

  const EvalTextOptions& options_;
  OpenModel open_;
  GgufFile base_file_;
  std::unique_ptr<Model> base_model_;
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
  command->add_option("--base", options->base, "The base model, usually the original")
      ->required()
      ->type_name("FILE");
  command->footer(
      "Both models run at the same time; all figures come from full distributions in double\n"
      "precision (no file of logits, nothing is clipped).");
  command->callback([options, &context] {
    KldRun run(*options, context);
    context.exit_code = run_measure([&] { run.run(); }, [&] { run.interrupted(); });
  });
}

}  // namespace lathe
