// --prompt-cache and what becomes of it.
#pragma once

#include "runtime/base/output_gate.h"
#include "tools/jobs/kept_prompt.h"

namespace CLI {
class App;
}

namespace lathe {

void add_prompt_cache_options(CLI::App& command, PromptCacheOptions& options);

// After the command line was read: what goes together, and that the file can be written. `gate`
// knows what the run reads beside the model. Error (kUsage).
void admit_prompt_cache(OutputGate& gate, const EngineOptions& engine, PromptCacheOptions& options);

}  // namespace lathe
