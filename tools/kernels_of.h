// The kernels that a command runs with: those of the tier that --isa or LATHE_ISA names, or the
// best.
#pragma once

#include <string>

#include "kernels/kernel_table.h"
#include "tools/command.h"

namespace lathe {

// Error (kUsage) naming the tiers that this CPU has when the one asked for is not among them.
KernelTable kernels_of(const ToolContext& context);

// "scalar avx2 avx512": the tiers of this build that this CPU supports.
std::string supported_tiers();

}  // namespace lathe
