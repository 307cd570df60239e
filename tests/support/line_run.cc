#include "tests/support/line_run.h"

#include <CLI/CLI.hpp>

#include "tools/commands/root.h"

namespace lathe::test {

CommandLine read_line(const std::vector<std::string>& args) {
  CLI::App app;
  ToolContext context;
  set_up_root(app, context);
  return read_command_line(app, args);
}

}  // namespace lathe::test
