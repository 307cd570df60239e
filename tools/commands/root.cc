#include "tools/commands/root.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "runtime/identity/build_info.h"
#include "tools/commands/commands.h"

namespace lathe {

void set_up_root(CLI::App& root, ToolContext& context) {
  root.name("lathe");
  root.description("lathe runs, measures and quantizes GGUF models on CPUs");
  if (const char* isa = std::getenv("LATHE_ISA")) context.isa = isa;
  root.set_version_flag("--version", "lathe " + build_words());
  root.add_option("--isa", context.isa, "Force an instruction-set tier (see `lathe cpu`)")
      ->type_name("TIER");
  root.require_subcommand(1);
  root.footer(
      "Short names of several letters take one dash or two: -pg -ub -ctk -ctv.\n"
      "Sizes are in MB and GB of 10^6 and 10^9 bytes.");
  root.fallthrough();
  for (const AddCommand add : kCommands) add(root, context);
}

}  // namespace lathe
