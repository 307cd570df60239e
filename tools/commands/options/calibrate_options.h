// Options of calibrated rounding.
#pragma once

#include "tools/cli/command.h"
#include "tools/jobs/calibrate_job.h"

namespace lathe {

// --calibrate and what belongs to it. Keeps pointers into `options`.
void add_calibrate_options(CLI::App& command, CalibrateOptions& options);

}  // namespace lathe
