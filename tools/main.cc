// lathe: one binary, sub-commands. Parses the command line, runs the chosen command, turns errors
// into messages and exit codes.
#include <fmt/core.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/algebra/blas_core.h"
#include "runtime/base/error.h"
#include "tools/cli/command.h"
#include "tools/cli/command_line.h"
#include "tools/cli/messages.h"
#include "tools/cli/standard_output.h"
#include "tools/cli/terminal.h"
#include "tools/commands/root.h"

namespace lathe {
namespace {

constexpr int kFailed = 1, kUsage = 2, kBadInput = 3;

int exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kFailed:
      return kFailed;
    case ErrorKind::kUsage:
      return kUsage;
    case ErrorKind::kBadInput:
      return kBadInput;
  }
  return kFailed;
}

int report(std::string_view what, int code) noexcept {
  try {
    complain(what);
  } catch (const std::exception&) {  // no memory for a message: the code says it
  }
  return code;
}

// "eval ppl": the command that the line got to before it went wrong.
std::string command_so_far(const CLI::App& app) {
  std::string names = app.get_name();
  for (const CLI::App* command : app.get_subcommands()) names += " " + command_so_far(*command);
  return names;
}

int report_usage(const CLI::App& app, const CLI::ParseError& error) {
  return report(fmt::format("{} (see {} --help)", error.what(), command_so_far(app)), kUsage);
}

// What the command line asks for; the exit code.
int run_command(CLI::App& app, const ToolContext& context, const std::vector<std::string>& given) {
  const auto [args, notes] = read_command_line(app, given);
  for (const std::string& note : notes) say("lathe: " + note);
  try {
    app.parse(std::vector<std::string>(args.rbegin(), args.rend()));  // CLI11 wants them reversed
  } catch (const CLI::Success& help_or_version) {
    std::ostringstream text, none;
    app.exit(help_or_version, text, none);
    put_text(text.str());
  } catch (const CLI::ParseError& error) {
    return report_usage(app, error);
  }
  return context.exit_code;
}

int run(const std::vector<std::string>& args) noexcept {
  int code = 0;
  try {
    CLI::App app;
    ToolContext context;
    set_up_root(app, context);
    code = run_command(app, context, args);
    flush_output();
  } catch (const Error& error) {
    return report(error.what(), exit_code_of(error.kind()));
  } catch (const std::bad_alloc&) {
    return report("out of memory", kFailed);
  } catch (const std::exception& error) {
    return report(error.what(), kFailed);
  }
  return code;
}

}  // namespace
}  // namespace lathe

int main(int argc, char** argv) {
  lathe::help_blas(argv);
  ::signal(SIGPIPE, SIG_IGN);  // a reader that is gone is an error of the write
  lathe::keep_standard_descriptors();
  return lathe::run(std::vector<std::string>(argv + 1, argv + argc));
}
