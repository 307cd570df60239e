// lathe plan: what quantizing would do to each tensor, before any work; as a file to edit and keep.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quant/plan/layer_list.h"
#include "quant/plan/plan_file.h"
#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/plan_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/commands/plan_costs.h"
#include "tools/jobs/prune_choice.h"
#include "tools/report/plan_report.h"
#include "tools/report/prune_report.h"

namespace lathe {
namespace {

struct PlanCommand {
  PlanOptions plan;
  std::string recipe;
  std::optional<std::string> out;
  PruneRequest prune;
  bool json = false;
  bool full = false;
  PlanCostsOptions costs;
};

// The plan file is the whole standard output: no table, and nothing said beside it.
int print_plan_file(const PlannedModel& model, const std::vector<std::string>& problems,
                    const OutputTarget& out) {
  for (const auto& problem : shown_problems(problems)) complain(problem);
  if (!problems.empty()) return 2;
  flush_output();
  write_plan(model.plan, model.header, out);
  return 0;
}

std::optional<OutputTarget> admitted(const PlanCommand& options) {
  if (!options.out) return std::nullopt;
  OutputGate gate;
  reads_plan_inputs(gate, options.plan);
  reads_files(gate, options.prune.texts, "the text");
  const OutputTarget out = gate.admit(*options.out, {.what = "a plan", .kind = OutputKind::kText});
  if (out.is_standard_output() && options.json) {
    throw usage_error("--json and -o " + *options.out +
                      " would both print; --json has the plan too");
  }
  return out;
}

void check_prune(const PlanCommand& options) {
  const PruneRequest& prune = options.prune;
  if ((prune.n_layers > 0) != !prune.texts.empty()) {
    throw usage_error("--prune and --calibrate go together: layers are chosen on a text");
  }
  if (prune.n_layers == 0) return;
  if (options.plan.prune_layers) {
    throw usage_error("--prune chooses what --prune-layers names: leave one of them out");
  }
  if (!options.plan.plan_file.empty()) {
    throw usage_error("--plan decides what --prune would: leave it out, or edit the plan");
  }
}

// Which layers go is decided before the plan is made: it is one for the rest.
void choose_pruned_layers(PlanCommand& options, const std::string& isa, bool quiet) {
  Progress line("prune");
  const PruneChoice choice =
      choose_pruned(options.plan.model, options.prune, isa, notes_on_screen(),
                    [&](double fraction, std::string_view step) {
                      line.update(fraction, step);
                      return !InterruptGuard::requested();
                    });
  line.clear();
  options.plan.prune_layers = layer_list_text(choice.choice.chosen.layers);
  if (!quiet) put_text(prune_text(choice));
}

int make_plan_command(PlanCommand& options, const std::optional<OutputTarget>& out) {
  const PlannedModel model = plan_model(options.plan);
  for (const std::string& note : model.imatrix_notes) warn(note);
  const QuantizeJob job = model.job({}, options.plan.allow_requantize);
  const std::vector<std::string> problems = plan_problems(job);
  if (out && out->is_standard_output()) return print_plan_file(model, problems, *out);
  if (options.json) {
    put_text(plan_document(model, job));
  } else {
    put_text(plan_text(model, job, options.full));
    for (const auto& warning : plan_warnings(model.plan, job.imatrix)) warn(warning);
    for (const auto& problem : shown_problems(problems)) complain(problem);
  }
  if (!out) return problems.empty() ? 0 : 2;
  if (!problems.empty()) {
    complain(out->name() + " was not written");
    return 2;
  }
  write_plan(model.plan, model.header, *out);
  if (!options.json) print("wrote {}\n", out->name());
  return 0;
}

int measured_plan_command(PlanCommand& options, const std::string& isa) {
  if (options.prune.n_layers > 0) {
    const int ended = run_interruptible(
        [&] { choose_pruned_layers(options, isa, options.json || options.out == "-"); });
    if (ended != 0) return ended;
  }
  return plan_costs_command(options.costs, options.plan, options.out, options.json, options.full,
                            isa);
}

int plan_command(PlanCommand options, const std::string& isa) {
  set_recipe(options.plan, options.recipe);
  check_prune(options);
  if (options.costs.given()) return measured_plan_command(options, isa);
  if (options.costs.any_other()) {
    throw usage_error("--size and its like need --costs FILE (lathe measure writes it)");
  }
  const std::optional<OutputTarget> out = admitted(options);
  if (options.prune.n_layers == 0) return make_plan_command(options, out);
  const bool only_choice = options.plan.recipe.empty() && !out && !options.json;
  if (!only_choice && options.plan.recipe.empty()) {
    throw usage_error("no recipe is given; there are: " + recipe_names());
  }
  if (!only_choice) require_recipe(options.plan.recipe);  // before hours of work
  int exit_code = 0;
  const int ended = run_interruptible([&] {
    choose_pruned_layers(options, isa, options.json || (out && out->is_standard_output()));
    if (!only_choice) exit_code = make_plan_command(options, out);
  });
  return ended != 0 ? ended : exit_code;
}

}  // namespace

void add_plan(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<PlanCommand>();
  CLI::App* command = root.add_subcommand(
      "plan", "Show what becomes of each tensor of a model, and write it down as a plan file");
  command->add_option("model", options->plan.model, "The model: a GGUF file or a checkpoint folder")
      ->required()
      ->type_name("MODEL");
  command->add_option("recipe", options->recipe, "The recipe (see below), or --recipe")
      ->type_name("RECIPE");
  command->add_option("-o,--output", options->out, "Plan file to write ('-': standard output)")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "Print the plan and its totals as JSON");
  command->add_flag("--full", options->full, "Every tensor, also in a long table");
  command
      ->add_option("--prune", options->prune.n_layers,
                   "Prune that many layers: those whose loss costs least, measured on the text of "
                   "--calibrate. Without a recipe that is all that is done")
      ->check(whole_number(1, kLargestInt))
      ->type_name("N");
  command
      ->add_option("--calibrate", options->prune.texts,
                   "The text to choose layers on; may be repeated")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command
      ->add_option("--prune-chunks", options->prune.max_chunks,
                   "Chunks of 512 tokens to choose layers on, spread over the text")
      ->check(one_or_more)
      ->capture_default_str()
      ->type_name("N");
  add_plan_options(*command, options->plan);
  add_plan_costs_options(*command, options->costs);
  command->callback(
      [options, &context] { context.exit_code = plan_command(*options, context.isa); });
}

}  // namespace lathe
