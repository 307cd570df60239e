// lathe eval: how good a model is. Each measure is a sub-command of its own.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/commands/commands.h"
#include "tools/commands/eval_commands.h"

namespace lathe {

int run_measure(const std::function<void()>& measure, const std::function<void()>& on_interrupt) {
  const InterruptGuard interrupt;
  try {
    measure();
  } catch (const Error&) {
    if (!InterruptGuard::requested()) throw;
    std::fflush(stdout);
    fmt::print(stderr, "\nlathe: interrupted\n");
    if (on_interrupt) on_interrupt();
    return kInterruptedExitCode;
  }
  return 0;
}

void add_eval(CLI::App& root, ToolContext& context) {
  CLI::App* eval = root.add_subcommand("eval", "Measure how good a model is");
  eval->require_subcommand(1);
  add_eval_ppl(*eval, context);
  add_eval_kld(*eval, context);
  add_eval_tasks(*eval, context);
  add_eval_all(*eval, context);
}

}  // namespace lathe
