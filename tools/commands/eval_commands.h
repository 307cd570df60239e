// The measures of `lathe eval`, each a sub-command of it, and what they share.
#pragma once

#include "tools/cli/command.h"

namespace lathe {

void add_eval_ppl(CLI::App& eval, ToolContext& context);
void add_eval_kld(CLI::App& eval, ToolContext& context);
void add_eval_all(CLI::App& eval, ToolContext& context);
void add_eval_tasks(CLI::App& eval, ToolContext& context);

}  // namespace lathe
