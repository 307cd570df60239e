// lathe plan: what quantizing would do to each tensor, before any work; as a file to edit and keep.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quant/plan/plan_file.h"
#include "runtime/base/error.h"
#include "tools/cli/messages.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/plan_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/report/plan_report.h"

namespace lathe {
namespace {

struct PlanCommand {
  PlanOptions plan;
  std::string recipe;
  std::optional<std::string> out;
  bool json = false;
  bool full = false;
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
  const OutputTarget out = gate.admit(*options.out, {.what = "a plan", .kind = OutputKind::kText});
  if (out.is_standard_output() && options.json) {
    throw usage_error("--json and -o " + *options.out +
                      " would both print; --json has the plan too");
  }
  return out;
}

int plan_command(PlanCommand options) {
  set_recipe(options.plan, options.recipe);
  const std::optional<OutputTarget> out = admitted(options);
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

}  // namespace

void add_plan(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<PlanCommand>();
  CLI::App* command = root.add_subcommand(
      "plan", "Show what becomes of each tensor of a model, and write it down as a plan file");
  command->add_option("model", options->plan.model, "The model: a GGUF file")
      ->required()
      ->type_name("MODEL");
  command->add_option("recipe", options->recipe, "The recipe (see below), or --recipe")
      ->type_name("RECIPE");
  command->add_option("-o,--output", options->out, "Plan file to write ('-': standard output)")
      ->type_name("FILE");
  command->add_flag("--json", options->json, "Print the plan and its totals as JSON");
  command->add_flag("--full", options->full, "Every tensor, also in a long table");
  add_plan_options(*command, options->plan);
  command->callback([options, &context] { context.exit_code = plan_command(*options); });
}

}  // namespace lathe
