#include "tests/support/command_run.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace lathe::test {

CommandOutput run_command(AddCommand add, std::vector<std::string> args) {
  CLI::App app;
  ToolContext context;
  add(app, context);
  std::reverse(args.begin(), args.end());  // what CLI11 expects of a vector
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const auto output = [&]() -> CommandOutput {
    return {testing::internal::GetCapturedStdout(), testing::internal::GetCapturedStderr(),
            context.exit_code};
  };
  try {
    app.parse(args);
  } catch (const CLI::ParseError& error) {
    output();
    throw CommandLineError(error.what());
  } catch (...) {
    output();
    throw;
  }
  return output();
}

}  // namespace lathe::test
