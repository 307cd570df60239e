// -m, and what models run with: -t -c -b -ub -ctk -ctv.
#pragma once

#include "tools/jobs/engine.h"

namespace CLI {
class App;
}

namespace lathe {

void add_engine_options(CLI::App& command, EngineOptions& options);
// Without -m, for commands that take several models.
void add_compute_options(CLI::App& command, EngineOptions& options);

}  // namespace lathe
