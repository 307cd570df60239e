// The measures of `lathe eval`, each a sub-command of it, and what they share.
#pragma once

#include <functional>

#include "tools/cli/command.h"

namespace lathe {

void add_eval_ppl(CLI::App& eval, ToolContext& context);
void add_eval_kld(CLI::App& eval, ToolContext& context);
void add_eval_all(CLI::App& eval, ToolContext& context);
void add_eval_tasks(CLI::App& eval, ToolContext& context);

// Runs a measure with Ctrl-C as a flag; the exit code. `on_interrupt` says what can be done next.
int run_measure(const std::function<void()>& measure,
                const std::function<void()>& on_interrupt = {});

}  // namespace lathe
