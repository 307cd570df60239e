#include "tools/commands/options/resume_options.h"

#include <CLI/CLI.hpp>

namespace lathe {

std::string output_name(const std::string& text) {
  return text.empty() ? "expected the name of a file, found an empty one" : "";
}

void add_resume_options(CLI::App& command, ResumeOptions& options) {
  command.add_flag("--resume", options.resume,
                   "Go on where an interrupted run of the same command ended");
  command
      .add_option("--checkpoint", options.checkpoint,
                  "Keep what was measured in this file (default: a file of the user's state "
                  "folder), saved every minute and on Ctrl-C")
      ->check(output_name)
      ->type_name("FILE");
}

}  // namespace lathe
