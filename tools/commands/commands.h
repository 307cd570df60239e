// The list of sub-commands: one declaration and one line in the table each.
#pragma once

#include "tools/cli/command.h"

namespace lathe {

using AddCommand = void (*)(CLI::App& root, ToolContext& context);

void add_bench(CLI::App& root, ToolContext& context);
void add_chat(CLI::App& root, ToolContext& context);
void add_checkpoints(CLI::App& root, ToolContext& context);
void add_convert(CLI::App& root, ToolContext& context);
void add_cpu(CLI::App& root, ToolContext& context);
void add_eval(CLI::App& root, ToolContext& context);
void add_imatrix(CLI::App& root, ToolContext& context);
void add_inspect(CLI::App& root, ToolContext& context);
void add_measure(CLI::App& root, ToolContext& context);
void add_plan(CLI::App& root, ToolContext& context);
void add_quantize(CLI::App& root, ToolContext& context);
void add_release(CLI::App& root, ToolContext& context);
void add_report(CLI::App& root, ToolContext& context);
void add_run(CLI::App& root, ToolContext& context);
void add_stats(CLI::App& root, ToolContext& context);
void add_tokenize(CLI::App& root, ToolContext& context);
void add_verify(CLI::App& root, ToolContext& context);

inline constexpr AddCommand kCommands[] = {
    add_bench,   add_chat,    add_checkpoints, add_convert,  add_cpu,      add_eval,
    add_imatrix, add_inspect, add_measure,     add_plan,     add_quantize, add_release,
    add_report,  add_run,     add_stats,       add_tokenize, add_verify,
};

}  // namespace lathe
