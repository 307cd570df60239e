// The options that evaluations share.
#pragma once

#include "tools/cli/command.h"
#include "tools/jobs/eval_job.h"
#include "tools/report/render.h"

namespace CLI {
class App;
}

namespace lathe {

// --layer-major, --spill, --resume, --checkpoint, --json ...
void add_eval_options(CLI::App& command, EvalOptions& options, OutputForm& form);
// -m, -f, --chunks, --skip-layers and the above: a measure of one model over a text.
CLI::App* add_text_measure(CLI::App& eval, const char* name, const char* what, EvalOptions& options,
                           TextOptions& text, OutputForm& form);
void add_skip_layers(CLI::App& command, EvalOptions& options);

// Error (kUsage) for options that do nothing beside each other.
void check_order(const OrderOptions& order);

// What goes to the screen whatever the measure is; the caller adds its progress.
void report_notes(EvalCallbacks& callbacks);

}  // namespace lathe
