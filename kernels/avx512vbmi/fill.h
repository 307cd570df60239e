// The parts of fill_avx512vbmi, one per source file: what byte permutations add to AVX-512.
#pragma once

#include "kernels/kernel_table.h"

namespace lathe {

void fill_avx512vbmi(KernelTable& table) noexcept;

void fill_avx512vbmi_matvec(KernelTable& table) noexcept;

}  // namespace lathe
