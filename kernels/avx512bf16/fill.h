// The parts of fill_avx512bf16, one per source file: what the bfloat16 dot product adds to AVX-512.
#pragma once

#include "kernels/kernel_table.h"

namespace lathe {

void fill_avx512bf16(KernelTable& table) noexcept;

void fill_avx512bf16_matvec(KernelTable& table) noexcept;
void fill_avx512bf16_panels(KernelTable& table) noexcept;  // on any CPU of the tier, fast or not
void fill_avx512bf16_probes(KernelTable& table) noexcept;

}  // namespace lathe
