#include "tools/commands/options/output_options.h"

#include <CLI/CLI.hpp>

namespace lathe {

void add_output_options(CLI::App& command, OutputForm& form) {
  CLI::Option* json = command.add_flag("--json", form.json, "Print JSON");
  CLI::Option* csv = command.add_flag("--csv", form.csv, "Print comma-separated values");
  CLI::Option* markdown = command.add_flag("--md,--markdown", form.markdown, "Print Markdown");
  json->excludes(csv)->excludes(markdown);
  csv->excludes(markdown);
}

}  // namespace lathe
