// lathe: one binary, sub-commands. Parses the command line, runs the chosen command, turns errors
// into exit codes.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <exception>
#include <string>
#include <vector>

#include <fmt/core.h>

#include "runtime/base/error.h"
#include "runtime/identity/build_info.h"
#include "tools/cli/command.h"
#include "tools/commands/commands.h"

namespace lathe {
namespace {

int exit_code_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kFailed:
      return 1;
    case ErrorKind::kUsage:
      return 2;
    case ErrorKind::kBadInput:
      return 3;
  }
  return 1;
}

int report(const char* what, int code) {
  fmt::print(stderr, "lathe: {}\n", what);
  return code;
}

int run(int argc, char** argv) {
  CLI::App app{"lathe runs, measures and quantizes GGUF models on CPUs", "lathe"};
  ToolContext context;
  if (const char* isa = std::getenv("LATHE_ISA")) context.isa = isa;
  app.set_version_flag("--version", std::string("lathe ") + build_version());
  app.add_option("--isa", context.isa, "Force an instruction-set tier (see `lathe cpu`)")
      ->type_name("TIER");
  app.require_subcommand(1);
  app.footer("Short names of two letters take one dash or two: -pg -ub -ctk -ctv.");
  app.fallthrough();
  for (const AddCommand add : kCommands) add(app, context);

  std::vector<std::string> args =
      widen_short_options(std::vector<std::string>(argv + 1, argv + argc));
  std::vector<std::string> reversed(args.rbegin(), args.rend());  // what CLI11 expects of a vector
  try {
    app.parse(reversed);
  } catch (const CLI::Success& done) {
    return app.exit(done);
  } catch (const CLI::ParseError& error) {
    app.exit(error);
    return 2;
  } catch (const Error& error) {
    return report(error.what(), exit_code_of(error.kind()));
  } catch (const std::bad_alloc&) {
    return report("out of memory", 1);
  } catch (const std::exception& error) {
    return report(error.what(), 1);
  }
  return context.exit_code;
}

}  // namespace
}  // namespace lathe

int main(int argc, char** argv) { return lathe::run(argc, argv); }
