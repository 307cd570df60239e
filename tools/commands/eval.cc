// lathe eval: how good a model is. Each measure is a sub-command of its own.
#include <CLI/CLI.hpp>

#include "tools/commands/commands.h"
#include "tools/commands/eval_commands.h"

namespace lathe {

void add_eval(CLI::App& root, ToolContext& context) {
  CLI::App* eval = root.add_subcommand("eval", "Measure how good a model is");
  eval->require_subcommand(1);
  add_eval_ppl(*eval, context);
  add_eval_kld(*eval, context);
  add_eval_tasks(*eval, context);
  add_eval_all(*eval, context);
}

}  // namespace lathe
