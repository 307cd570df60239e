// lathe plan: what quantizing would do to each tensor, before any work; as a file to edit and keep.
#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <vector>

#include "quant/plan/plan_file.h"
#include "tools/cli/messages.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/plan_options.h"
#include "tools/report/plan_report.h"

namespace lathe {
namespace {

struct PlanCommand {
  PlanOptions plan;
  std::string recipe, out;
  bool json = false;
  bool full = false;
};

int plan_command(PlanCommand options) {
  set_recipe(options.plan, options.recipe);
  const PlannedModel model = plan_model(options.plan);
  for (const std::string& note : model.imatrix_notes) warn(note);
  const QuantizeJob job = model.job({}, options.plan.allow_requantize);
  const std::vector<std::string> problems = plan_problems(job);
  if (options.json) {
    put_text(plan_document(model, job));
  } else {
    put_text(plan_text(model, job, options.full));
    for (const auto& warning : plan_warnings(model.plan, job.imatrix)) warn(warning);
    for (const auto& problem : shown_problems(problems)) complain(problem);
  }
  if (options.out.empty()) return problems.empty() ? 0 : 2;
  if (!problems.empty()) {
    complain(options.out + " was not written");
    return 2;
  }
  write_plan(model.plan, model.header, options.out);
  if (!options.json) print("wrote {}\n", options.out);
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
  command->add_option("-o,--output", options->out, "Plan file to write")->type_name("FILE");
  command->add_flag("--json", options->json, "Print the plan and its totals as JSON");
  command->add_flag("--full", options->full, "Every tensor, also in a long table");
  add_plan_options(*command, options->plan);
  command->callback([options, &context] { context.exit_code = plan_command(*options); });
}

}  // namespace lathe
