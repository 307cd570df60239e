// The parts of this tier; they and fill_neon_dotprod are all that its objects export.
#pragma once

#include "kernels/kernel_table.h"

namespace lathe {

void fill_neon_dotprod_panel_int8(KernelTable& table) noexcept;
void fill_neon_dotprod_matvec_int8(KernelTable& table) noexcept;

}  // namespace lathe
