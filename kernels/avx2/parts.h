// The parts of the AVX2 tier: one function per source file, each fills its entries of the table.
// They and fill_avx2 are all that the tier's objects export.
#pragma once

#include "kernels/kernel_table.h"

namespace lathe {

void fill_avx2_convert(KernelTable& table) noexcept;       // decode, unpack, encode, quantize_act
void fill_avx2_panel_int8(KernelTable& table) noexcept;    // panels of the integer formats
void fill_avx2_matvec_int8(KernelTable& table) noexcept;   // matvec of the integer formats
void fill_avx2_matmul_float(KernelTable& table) noexcept;  // matmul of F32, F16, BF16
void fill_avx2_steps(KernelTable& table) noexcept;         // rms_norm .. log_sum_exp, probes
void fill_avx2_attend(KernelTable& table) noexcept;        // attend and its scratch

}  // namespace lathe
