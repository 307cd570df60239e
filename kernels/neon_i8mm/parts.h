// The parts of this tier; they and fill_neon_i8mm are all that its objects export.
#pragma once

#include "kernels/kernel_table.h"

namespace lathe {

void fill_neon_i8mm_panel_int8(KernelTable& table) noexcept;

}  // namespace lathe
