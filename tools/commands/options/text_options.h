// The options of commands that run models over texts.
#pragma once

#include "tools/jobs/runner.h"
#include "tools/jobs/texts.h"

namespace CLI {
class App;
}

namespace lathe {

// -f, --chunks.
void add_text_options(CLI::App& command, TextOptions& options);
// --layer-major, --spill.
void add_order_options(CLI::App& command, OrderOptions& options);

}  // namespace lathe
