// --json, --csv, --md: at most one of them.
#pragma once

#include "tools/report/render.h"

namespace CLI {
class App;
}

namespace lathe {

void add_output_options(CLI::App& command, OutputForm& form);

}  // namespace lathe
