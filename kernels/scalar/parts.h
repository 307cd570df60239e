// The parts of the scalar tier: one function per source file, each fills its entries of the table.
// They and fill_scalar are all that the tier's objects export.
#pragma once

#include "kernels/kernel_table.h"

namespace lathe {

void fill_scalar_formats(KernelTable& table) noexcept;  // decode, unpack

}  // namespace lathe
