// The parts of the scalar tier: one function per source file, each fills its entries of the table.
// They and fill_scalar are all that the tier's objects export.
#pragma once

#include "kernels/kernel_table.h"

namespace lathe {

void fill_scalar_formats(KernelTable& table) noexcept;       // decode, unpack, encode
void fill_scalar_cache_blocks(KernelTable& table) noexcept;  // encode of 4 and 5 bits
void fill_scalar_activation(KernelTable& table) noexcept;    // quantize_act
void fill_scalar_matmul(KernelTable& table) noexcept;        // matmul
void fill_scalar_vector_ops(KernelTable& table) noexcept;    // rms_norm .. log_sum_exp
void fill_scalar_attend(KernelTable& table) noexcept;        // attend and its scratch
void fill_scalar_probes(KernelTable& table) noexcept;        // probe_*

}  // namespace lathe
