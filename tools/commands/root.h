// `lathe` itself: the options of the whole program, and all sub-commands.
#pragma once

#include "tools/cli/command.h"

namespace lathe {

void set_up_root(CLI::App& root, ToolContext& context);

}  // namespace lathe
