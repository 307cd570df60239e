// What the whole program makes of a command line before CLI11 reads it. Implemented apart: the
// headers of CLI11 take seconds to compile.
#pragma once

#include <string>
#include <vector>

#include "tools/cli/command_line.h"

namespace lathe::test {

// Throws as read_command_line() does.
CommandLine read_line(const std::vector<std::string>& args);

}  // namespace lathe::test
