// lathe eval kld: divergence from a base model on a text.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "quant/eval/divergence_report.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/running_values.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/eval_commands.h"
#include "tools/commands/options/eval_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/jobs/kld_job.h"
#include "tools/report/eval_document.h"
#include "tools/report/text_measures.h"

namespace lathe {
namespace {

struct KldCommand {
  KldOptions job;
  OutputForm form;
};

// What the run reads and writes, before anything is opened.
void admit_files(KldCommand& command, OutputGate& gate) {
  reads_model(gate, command.job.eval.engine.model);
  reads_model(gate, command.job.base, "the base");
  reads_text(gate, command.job.text);
  command.job.eval.resume.admit_with(gate);
}

// A line of figures for each chunk on stdout, and how far it is.
class KldScreen {
 public:
  explicit KldScreen(const OutputForm& form) : form_(form) {
    report_notes(callbacks_);
    callbacks_.on_begin = [this](const EvalInputs& inputs) {
      opening_.clear();
      values_.emplace("divergence", inputs.text->n_chunks, false);
      if (form_.text()) put_text(eval_header(inputs) + divergence_chunk_header());
    };
    callbacks_.on_chunk = [this](std::size_t chunk, const DivergenceResult& so_far) {
      if (!form_.text()) return;
      values_->finish();
      put_text(divergence_chunk_line(chunk, so_far));
      flush_output();
    };
    callbacks_.on_progress = [this](double fraction, std::string_view step) {
      values_ ? values_->update(fraction, step) : opening_.update(fraction, step);
      return !InterruptGuard::requested();
    };
  }
  const KldCallbacks& callbacks() const noexcept { return callbacks_; }

  void finish() {
    if (values_) values_->finish();
  }

 private:
  OutputForm form_;
  KldCallbacks callbacks_;
  Progress opening_{"divergence"};  // until the inputs are read
  std::optional<RunningValues> values_;
};

void print(const KldResult& result, const OutputForm& form) {
  put_text(form.text() ? kld_text(result) : render(kld_document(result), form));
  flush_output();
  if (form.text()) say(rate_words(result.n_run, result.seconds));
}

int run(KldCommand& command) {
  check_order(command.job.eval.order);
  OutputGate gate;
  admit_files(command, gate);
  std::optional<KldResult> result;
  return run_interruptible(
      [&] {
        KldScreen screen(command.form);
        result.emplace(run_kld(command.job, screen.callbacks()));
        screen.finish();
        print(*result, command.form);
        result->work.result_is_out();
      },
      [&] {
        if (result) result->work.keep();
      });
}

}  // namespace

void add_eval_kld(CLI::App& eval, ToolContext& context) {
  auto command = std::make_shared<KldCommand>();
  KldOptions& job = command->job;
  CLI::App* app = add_text_measure(eval, "kld", "Divergence from a base model on a text", job.eval,
                                   job.text, command->form);
  app->add_option("--base,--kl-divergence-base", job.base,
                  "The base: a model (usually the original), or what eval ppl --save-base or "
                  "--save-logits, or llama.cpp, wrote of one")
      ->required()
      ->type_name("FILE");
  app->add_flag("--compat", job.compat,
                "With a model as base: figures from logits in 16 bits, clipped 16 nats below the "
                "largest, as llama.cpp's are");
  app->footer(
      "A model as base runs at the same time, and all figures come from full distributions in\n"
      "double precision. Several models against one base: lathe eval all.");
  app->callback([command, &context] {
    command->job.eval.isa = context.isa;
    context.exit_code = run(*command);
  });
}

}  // namespace lathe
