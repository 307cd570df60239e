// lathe plan: what quantizing would do to each tensor, before any work; as a file to edit and keep.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>

#include "quant/plan/plan_file.h"
#include "tools/cli/messages.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/plan_options.h"
#include "tools/report/plan_report.h"

namespace lathe {
namespace {

struct PlanCommand {
  std::string model, recipe;
  std::string out;
  bool json = false;
  PlanOptions plan;
};

int plan_command(const PlanCommand& options) {
  const PlannedModel model = plan_model(options.model, options.recipe, options.plan);
  for (const std::string& note : model.imatrix_notes) warn(note);
  const QuantizeJob job = model.job({}, options.plan.allow_requantize);
  const bool possible = options.json ? print_plan_json(model, job) : print_plan(model, job);
  if (options.out.empty()) return possible ? 0 : 2;
  if (!possible) {
    fmt::print(stderr, "lathe: {} was not written\n", options.out);
    return 2;
  }
  write_plan(model.plan, model.header, options.out);
  if (!options.json) fmt::print("wrote {}\n", options.out);
  return 0;
}

}  // namespace

void add_plan(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<PlanCommand>();
  CLI::App* command = root.add_subcommand(
      "plan", "Show what becomes of each tensor of a model, and write it down as a plan file");
  command->add_option("model", options->model, "The model: a GGUF file")
      ->required()
      ->type_name("MODEL");
  command->add_option("recipe", options->recipe, "The recipe (see below), or --recipe")
      ->type_name("RECIPE");
  command->add_option("-o,--output", options->out, "Plan file to write")->type_name("FILE");
  command->add_flag("--json", options->json, "Print the plan and its totals as JSON");
  add_plan_options(*command, options->plan);
  command->callback([options, &context] { context.exit_code = plan_command(*options); });
}

}  // namespace lathe
