// lathe eval ppl: perplexity of a text.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/running_values.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/eval_commands.h"
#include "tools/commands/options/eval_options.h"
#include "tools/commands/options/resume_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/jobs/ppl_job.h"
#include "tools/report/eval_document.h"
#include "tools/report/text_measures.h"

namespace lathe {
namespace {

struct PplCommand {
  PplOptions job;
  OutputForm form;
  std::string base, logits;  // files to write
  const CLI::App* app = nullptr;

  bool given(const char* option) const { return app->count(option) > 0; }
};

void check(const PplCommand& command) {
  const bool writes = !command.base.empty() || !command.logits.empty();
  const ResumeOptions& resume = command.job.eval.resume;
  check_order(command.job.eval.order);
  if (writes && resume.resume) {
    throw usage_error(
        "--resume cannot go on with a file of logits or a base: they are written in "
        "one run");
  }
  if (writes && !resume.checkpoint.empty()) {
    throw usage_error(
        "--checkpoint: nothing is kept of a run that writes a file of logits or a "
        "base, which comes from one whole run");
  }
  if (command.base.empty() && (command.given("--base-tokens") || command.given("--base-tail"))) {
    throw usage_error("--base-tokens and --base-tail are for --save-base");
  }
  if (command.job.text.compat && command.job.text.stride == 0) {
    throw usage_error(
        "--compat changes nothing without --stride: chunks side by side are scored "
        "as llama.cpp scores them");
  }
}

// What the run reads and writes, before anything is opened.
void admit_files(PplCommand& command, OutputGate& gate) {
  reads_model(gate, command.job.eval.engine.model);
  reads_text(gate, command.job.text);
  const auto admit = [&](const std::string& path, const char* what) {
    return path.empty() ? std::nullopt : std::optional(gate.admit(path, {.what = what}));
  };
  command.job.logits = admit(command.logits, "a file of logits");
  command.job.base = admit(command.base, "a base file");
  command.job.eval.resume.admit_with(gate);
}

// The running perplexities on stdout, and how far it is.
class PplScreen {
 public:
  explicit PplScreen(const OutputForm& form) : form_(form) {
    report_notes(callbacks_);
    callbacks_.on_begin = [this](const EvalInputs& inputs) {
      opening_.clear();
      values_.emplace("perplexity", inputs.text->n_chunks, form_.text());
      if (form_.text()) put_text(eval_header(inputs));
    };
    callbacks_.on_chunk = [this](const PerplexityResult& so_far) {
      for (; n_shown_ < so_far.running.size(); ++n_shown_) {
        values_->add(n_shown_ + 1, so_far.running[n_shown_]);
      }
    };
    callbacks_.on_progress = [this](double fraction, std::string_view step) {
      values_ ? values_->update(fraction, step) : opening_.update(fraction, step);
      return !InterruptGuard::requested();
    };
  }
  const PplCallbacks& callbacks() const noexcept { return callbacks_; }

  void finish() {
    if (values_) values_->finish();
  }

 private:
  OutputForm form_;
  PplCallbacks callbacks_;
  Progress opening_{"perplexity"};  // until the inputs are read
  std::optional<RunningValues> values_;
  std::size_t n_shown_ = 0;
};

void print(const PplResult& result, const OutputForm& form) {
  put_text(form.text() ? ppl_text(result) : render(ppl_document(result), form));
  flush_output();
  if (form.text()) say(rate_words(result.n_run, result.seconds));
}

int run(PplCommand& command) {
  check(command);
  OutputGate gate;
  admit_files(command, gate);
  std::optional<PplResult> result;
  return run_interruptible(
      [&] {
        PplScreen screen(command.form);
        result.emplace(run_ppl(command.job, screen.callbacks()));
        screen.finish();
        print(*result, command.form);
        result->work.result_is_out();
      },
      [&] {
        if (result && !command.job.writes_files()) result->work.keep();
      });
}

void add_base_options(CLI::App& app, PplCommand& command) {
  const char* const group = "Base for eval kld";
  app.add_option("--save-base", command.base,
                 "Write lathe's compact base: the likeliest tokens of each position")
      ->check(output_name)
      ->type_name("FILE")
      ->group(group);
  app.add_option("--base-tokens", command.job.compact.max_tokens,
                 "Most tokens that the compact base lists at a position")
      ->check(whole_number(1, 1 << 20))
      ->capture_default_str()
      ->type_name("N")
      ->group(group);
  app.add_option("--base-tail", command.job.compact.tail_mass,
                 "It lists tokens until the others have this probability in all")
      ->check(real_number(0.0, 0.5))
      ->capture_default_str()
      ->type_name("P")
      ->group(group);
  app.add_option("--save-logits,--kl-divergence-base", command.logits,
                 "Write all logits in 16 bits, as llama.cpp reads and writes them")
      ->check(output_name)
      ->type_name("FILE")
      ->group(group);
}

}  // namespace

void add_eval_ppl(CLI::App& eval, ToolContext& context) {
  auto command = std::make_shared<PplCommand>();
  PplOptions& job = command->job;
  CLI::App* app =
      add_text_measure(eval, "ppl", "Perplexity of a text", job.eval, job.text, command->form);
  app->add_option("--ppl-stride,--stride", job.text.stride,
                  "Windows that start every N tokens, the last N of each scored "
                  "(default: chunks side by side, the second half of each scored)")
      ->check(zero_or_more)
      ->type_name("N");
  app->add_flag("--compat", job.text.compat,
                "With --stride: windows without BOS, as llama.cpp's are (docs/evaluating.md)");
  add_base_options(*app, *command);
  command->app = app;
  app->callback([command, &context] {
    command->job.eval.isa = context.isa;
    context.exit_code = run(*command);
  });
}

}  // namespace lathe
