// The parts of fill_avx512, one per source file.
#pragma once

#include "kernels/kernel_table.h"

namespace lathe {

void fill_avx512(KernelTable& table) noexcept;

void fill_avx512_unpacked(
    KernelTable& table) noexcept;  // unpack, decode, pack, matvec of all formats
void fill_avx512_multiply(KernelTable& table) noexcept;  // int8 panels
void fill_avx512_matvec(KernelTable& table) noexcept;    // direct matvec kernels
void fill_avx512_grid(KernelTable& table) noexcept;      // the same of code books
void fill_avx512_float(KernelTable& table) noexcept;     // F32, F16, BF16
void fill_avx512_convert(KernelTable& table) noexcept;   // quantize_act, encode
void fill_avx512_ops(KernelTable& table) noexcept;       // elementwise, norms
void fill_avx512_attend(KernelTable& table) noexcept;
void fill_avx512_probes(KernelTable& table) noexcept;

}  // namespace lathe
