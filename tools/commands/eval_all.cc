// lathe eval all: every measure of a published card for several models, in one run and one table.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <iterator>
#include <memory>
#include <optional>

#include "runtime/base/error.h"
#include "tools/cli/card_progress.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/eval_commands.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/eval_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/commands/options/text_options.h"
#include "tools/jobs/card_job.h"
#include "tools/jobs/tasks_job.h"
#include "tools/report/card_report.h"

namespace lathe {
namespace {

struct CardCommand {
  CardOptions job;
  OutputForm form;
  const CLI::App* app = nullptr;

  bool given(const char* option) const { return app->count(option) > 0; }
};

void refuse_without(bool has, const CardCommand& command, std::initializer_list<const char*> names,
                    const char* needed) {
  if (has) return;
  for (const char* name : names) {
    if (command.given(name)) throw usage_error(fmt::format("{} needs {}", name, needed));
  }
}

// --compat is of WinoGrande, and of divergences from a base that is a model.
bool compat_does_something(const CardOptions& job) {
  for (std::size_t i = 0; i < std::size(kCardTests); ++i) {
    if (compat_matters(kCardTests[i]) && !job.test_files[i].empty()) return true;
  }
  return !job.base.empty() && !is_divergence_base(job.base);
}

void check(const CardCommand& command) {
  const CardOptions& job = command.job;
  const bool has_text = !job.text.files.empty();
  if (!has_text && !job.has_tests()) {
    throw usage_error("nothing to measure: give a text (-f) or the tasks of a test (--arc, ...)");
  }
  check_order(job.eval.order);
  refuse_without(has_text, command, {"--base", "--chunks", "--ctx-size"}, "a text (-f)");
  refuse_without(job.has_tests(), command, {"--tasks", "--seed"}, "a test (--arc, ...)");
  refuse_without(job.selection.n_tasks > 0 || !job.test_files[1].empty(), command, {"--seed"},
                 "a random draw: with --tasks 0 all are scored");
  const bool is_alone = job.models.size() + (job.base.empty() ? 0 : 1) < 2;
  refuse_without(!is_alone, command, {"--against", "--all-pairs"}, "several models");
  if (job.selection.compat && !compat_does_something(job)) {
    throw usage_error(
        "--compat changes nothing here: it is of WinoGrande, and of divergences from "
        "a base that is a model (docs/evaluating.md)");
  }
}

// What the run reads and writes, before anything is opened.
void admit_files(CardCommand& command, OutputGate& gate) {
  CardOptions& job = command.job;
  for (const std::string& model : job.models) reads_model(gate, model);
  reads_model(gate, job.base, "the base");
  reads_text(gate, job.text);
  for (const auto& files : job.test_files) reads_files(gate, files, "the tasks");
  job.eval.resume.gate = &gate;  // the checkpoints are named after what they are of
}

// One line for all parts, and a line of each that is done.
class CardScreen {
 public:
  CardScreen() {
    report_notes(callbacks_);
    callbacks_.on_parts = [this](const std::vector<CardPart>& parts) {
      for (const CardPart& part : parts) progress_.expect(part.n_tokens, part.done);
    };
    callbacks_.on_part = [this](const CardPart& part) {
      begun_ = true;
      opening_.clear();
      progress_.begin(part.name, part.n_tokens, part.done);
    };
    callbacks_.on_part_done = [this](const CardPart&, std::string_view amount) {
      progress_.end(amount);
    };
    callbacks_.on_progress = [this](double fraction, std::string_view step) {
      begun_ ? progress_.update(fraction, step) : opening_.update(fraction, step);
      return !InterruptGuard::requested();
    };
  }
  const CardCallbacks& callbacks() const noexcept { return callbacks_; }

 private:
  CardCallbacks callbacks_;
  Progress opening_{"eval"};  // until the inputs are read
  CardProgress progress_;
  bool begun_ = false;
};

int run(CardCommand& command) {
  check(command);
  OutputGate gate;
  admit_files(command, gate);
  std::optional<CardResult> result;
  return run_interruptible(
      [&] {
        CardScreen screen;
        result.emplace(run_card(command.job, screen.callbacks()));
        put_text(render(*result, command.form));
        flush_output();
        result->result_is_out();
      },
      [&] {
        if (result) result->keep();
      });
}

void add_test_options(CLI::App& app, CardOptions& job) {
  const char* const group = "Tests";
  for (std::size_t i = 0; i < std::size(kCardTests); ++i) {
    app.add_option(fmt::format("--{}", task_name(kCardTests[i])), job.test_files[i],
                   fmt::format("Tasks of {}, as eval {} reads them", task_title(kCardTests[i]),
                               task_name(kCardTests[i])))
        ->type_name("FILE")
        ->group(group);
  }
  app.add_option("--tasks", job.selection.n_tasks,
                 "Score N tasks of each test, drawn at random (0: all)")
      ->check(zero_or_more)
      ->capture_default_str()
      ->type_name("N")
      ->group(group);
  app.add_option("--seed", job.selection.seed, "Of the random draw")
      ->check(whole_number(0, std::numeric_limits<std::uint32_t>::max()))
      ->capture_default_str()
      ->type_name("N")
      ->group(group);
}

void add_model_options(CLI::App& app, CardOptions& job) {
  app.add_option("-m,--model", job.models,
                 "GGUF file or checkpoint folder; may be given several times")
      ->required()
      ->type_name("FILE");
  app.add_option("--base,--kl-divergence-base", job.base,
                 "What divergences are from: a model, which gets a row of its own, or a base file "
                 "(see eval kld)")
      ->type_name("FILE");
  CLI::Option* against =
      app.add_option("--against", job.against,
                     "The model that the others are compared with, pair by pair (default: the "
                     "first -m)")
          ->type_name("FILE");
  app.add_flag("--all-pairs", job.all_pairs, "Compare every model with every other")
      ->excludes(against);
}

}  // namespace

void add_eval_all(CLI::App& eval, ToolContext& context) {
  auto command = std::make_shared<CardCommand>();
  CardOptions& job = command->job;
  CLI::App* app = eval.add_subcommand(
      "all", "The table of a published card: several models, a text and tests, in one run");
  add_model_options(*app, job);
  add_text_options(*app, job.text);
  app->get_option("--file")->required(false);
  app->add_flag("--compat", job.selection.compat,
                "As llama.cpp measures, defects included (docs/evaluating.md)");
  add_eval_options(*app, job.eval, command->form);
  add_test_options(*app, job);
  add_compute_options(*app, job.eval.engine);
  app->footer("-c is the context of the text; that of the tests follows from their tasks.");
  command->app = app;
  app->callback([command, &context] {
    command->job.eval.isa = context.isa;
    context.exit_code = run(*command);
  });
}

}  // namespace lathe
