// Options that decide what becomes of each tensor: the same for `plan` and `quantize`.
#pragma once

#include <string>

#include "tools/cli/command.h"
#include "tools/jobs/plan_model.h"

namespace lathe {

// The footer of the command's help lists precedence and recipes. Keeps pointers into `options`.
void add_plan_options(CLI::App& command, PlanOptions& options);

// The recipe among the arguments, in the place of --recipe. Error (kUsage) where both are given.
void set_recipe(PlanOptions& options, const std::string& argument);

}  // namespace lathe
