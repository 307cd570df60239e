// lathe eval ppl: perplexity of a text.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "quant/eval/bootstrap.h"
#include "quant/eval/perplexity.h"
#include "tools/eval_commands.h"
#include "tools/eval_text_options.h"
#include "tools/interrupt.h"
#include "tools/running_values.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

class PplRun {
 public:
  PplRun(const EvalTextOptions& options, const ToolContext& context)
      : options_(options),
        open_(options.engine, context),
        text_(open_text(open_.file, options.text, options.engine, &origin_)),
        checkpoint_(options.resume, text_identity("ppl", options, open_, text_, origin_)),
        records_(checkpoint_.load()),
        values_("perplexity", text_.n_chunks(), options.form.text()),
        n_before_(records_.size()) {}

  void run() {
    const auto runner =
        open_runner({{*open_.model, open_.file.files(), skipped_layers(options_, *open_.model)}},
                    options_.engine, options_.order, open_.kernels, open_.pool, text_.n_ctx());
    const PerplexityResult result = measure_perplexity(
        {*runner, open_.kernels, open_.pool}, text_, {.records = &records_},
        [&](const PerplexityResult& so_far, double fraction, std::string_view step) {
          show(so_far);
          values_.update(fraction, step);
          checkpoint_.offer(records_);
          return !InterruptGuard::requested();
        });
    show(result);
    const double seconds = values_.seconds();
    values_.finish();
    print(result, seconds);
    checkpoint_.finish();
  }

  void interrupted() {
    values_.finish();
    checkpoint_.interrupted(records_);
  }

 private:
  void show(const PerplexityResult& so_far) {
    for (; n_shown_ < so_far.running.size(); ++n_shown_) {
      values_.add(n_shown_ + 1, so_far.running[n_shown_]);
    }
  }

  void print(const PerplexityResult& result, double seconds) const {
    const Interval interval =
        block_bootstrap(result.chunk_nll, [](double nll) { return std::exp(nll); });
    if (options_.form.text()) {
      fmt::print("Final estimate: PPL = {:.4f} +/- {:.5f}\n", result.ppl.value, result.ppl.error);
      fmt::print("95 % interval (bootstrap over chunks): {:.4f} to {:.4f}\n", interval.low,
                 interval.high);
      print_rate((text_.n_chunks() - n_before_) * text_.n_ctx(), seconds);
      return;
    }
    Json out = result_header(options_, open_, text_, origin_, seconds);
    put(out, "ppl", result.ppl);
    out["ppl_low"] = interval.low;
    out["ppl_high"] = interval.high;
    out["running_ppl"] = result.running;
    out["chunk_nll"] = result.chunk_nll;
    print_result(out, options_.form);
  }

  const EvalTextOptions& options_;
  OpenModel open_;
  TextOrigin origin_;
  TextChunks text_;
  EvalCheckpoint checkpoint_;
  ChunkRecords records_;
  RunningValues values_;
  std::size_t n_before_, n_shown_ = 0;
};

}  // namespace

void add_eval_ppl(CLI::App& eval, ToolContext& context) {
  auto options = std::make_shared<EvalTextOptions>();
  CLI::App* command = add_text_measure(eval, "ppl", "Perplexity of a text", *options);
  command
      ->add_option("--ppl-stride,--stride", options->text.stride,
                   "Windows that start every N tokens, the last N of each scored "
                   "(default: chunks side by side, the second half of each scored)")
      ->type_name("N");
  command->callback([options, &context] {
    PplRun run(*options, context);
    context.exit_code = run_measure([&] { run.run(); }, [&] { run.interrupted(); });
  });
}

}  // namespace lathe
