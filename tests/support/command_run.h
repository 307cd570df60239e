// Runs a command of the tool with its own options, in a test. Implemented apart: the headers of
// CLI11 take seconds to compile.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "tools/commands/commands.h"

namespace lathe::test {

struct CommandOutput {
  std::string text;      // on stdout
  std::string messages;  // on stderr
  int exit_code = 0;
};

// What the command line refused; `lathe` ends with exit code 2.
struct CommandLineError : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// `args`: the name of the sub-command, then its arguments. Throws CommandLineError, and what the
// command throws.
CommandOutput run_command(AddCommand add, std::vector<std::string> args);

}  // namespace lathe::test
