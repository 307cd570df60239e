// Runs a command of the tool with its own options, in a test.
#pragma once

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "tools/commands.h"

namespace lathe::test {

struct CommandOutput {
  std::string text;  // on stdout
  int exit_code = 0;
};

inline CommandOutput run_command(AddCommand add, std::vector<std::string> args) {
  CLI::App app;
  ToolContext context;
  add(app, context);
  std::reverse(args.begin(), args.end());
  testing::internal::CaptureStdout();
  try {
    app.parse(args);
  } catch (...) {
    testing::internal::GetCapturedStdout();
    throw;
  }
  return {testing::internal::GetCapturedStdout(), context.exit_code};
}

}  // namespace lathe::test
