// The parts of the NEON tier: one function per source file, each fills its entries of the table.
// They and fill_neon are all that the tier's objects export.
#pragma once

#include "kernels/kernel_table.h"

namespace lathe {

void fill_neon_convert(KernelTable& table) noexcept;       // decode, unpack, encode, quantize_act
void fill_neon_panel_int8(KernelTable& table) noexcept;    // panels of the integer formats
void fill_neon_matvec_int8(KernelTable& table) noexcept;   // matvec of the integer formats
void fill_neon_matmul_float(KernelTable& table) noexcept;  // matmul of F32, F16, BF16
void fill_neon_steps(KernelTable& table) noexcept;         // rms_norm .. log_sum_exp, probes
void fill_neon_attend(KernelTable& table) noexcept;        // attend and its scratch

}  // namespace lathe
