// The run that `quantize` and `convert` are: a model and a plan to a new file, with progress, and
// the options that both have.
#pragma once

#include <string>

#include "tools/cli/command.h"
#include "tools/jobs/quantize_job.h"

namespace lathe {

struct QuantizeCommand {
  QuantizeOptions job;
  HealRequest heal;
  std::string split_max_size;
  int n_threads = 0;
  bool dry_run = false;
  bool full = false;
  bool no_provenance = false;
};

// Keeps pointers into `options`.
void add_quantize_options(CLI::App& command, QuantizeCommand& options);

// Plans and writes, or only plans. Returns the exit code; throws what the job throws.
int run_quantize(QuantizeCommand options, const ToolContext& context);

}  // namespace lathe
