#include "tools/commands/options/prompt_cache_options.h"

#include <CLI/CLI.hpp>

#include "runtime/base/error.h"
#include "tools/commands/options/run_inputs.h"

namespace lathe {

void add_prompt_cache_options(CLI::App& command, PromptCacheOptions& options) {
  command
      .add_option("--prompt-cache", options.path,
                  "Keep what was computed of the prompt here, and begin with what is kept")
      ->type_name("FILE");
  command.add_flag("--prompt-cache-all", options.all, "Keep what was generated, too");
  command.add_flag("--prompt-cache-ro", options.read_only, "Use the file, and do not write it");
}

void admit_prompt_cache(OutputGate& gate, const EngineOptions& engine,
                        PromptCacheOptions& options) {
  if (options.path.empty() && (options.all || options.read_only)) {
    throw usage_error(
        "--prompt-cache-all and --prompt-cache-ro say what becomes of a --prompt-cache FILE, and "
        "none is given");
  }
  if (options.all && options.read_only) {
    throw usage_error("--prompt-cache-all writes the file, --prompt-cache-ro forbids it");
  }
  if (options.path.empty() || options.read_only) return;
  reads_model(gate, engine.model);
  options.target = gate.admit(options.path, {.what = "the prompt cache"});
}

}  // namespace lathe
