#include "tools/commands/options/eval_options.h"

#include <CLI/CLI.hpp>

#include "runtime/base/error.h"
#include "tools/cli/messages.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/output_options.h"
#include "tools/commands/options/resume_options.h"
#include "tools/commands/options/text_options.h"

namespace lathe {

void add_eval_options(CLI::App& command, EvalOptions& options, OutputForm& form) {
  add_order_options(command, options.order);
  add_resume_options(command, options.resume);
  add_output_options(command, form);
}

void add_skip_layers(CLI::App& command, EvalOptions& options) {
  command
      .add_option("--skip-layers", options.skip_layers,
                  "Score the model without these layers (4,5,7-9), as if they were pruned")
      ->type_name("LIST");
}

CLI::App* add_text_measure(CLI::App& eval, const char* name, const char* what, EvalOptions& options,
                           TextOptions& text, OutputForm& form) {
  CLI::App* command = eval.add_subcommand(name, what);
  add_engine_options(*command, options.engine);
  add_text_options(*command, text);
  add_skip_layers(*command, options);
  add_eval_options(*command, options, form);
  return command;
}

void check_order(const OrderOptions& order) {
  if (order.layer_major == "off" && !order.spill_folder.empty()) {
    throw usage_error("--spill keeps hidden states of --layer-major, which is off");
  }
}

void report_notes(EvalCallbacks& callbacks) { callbacks.notes = notes_on_screen(); }

}  // namespace lathe
