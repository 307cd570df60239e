// What the CPU and the operating system let a tier use; each answer covers all that the compiler
// flags of the tier of that name allow the compiler to emit (kernels/CMakeLists.txt). False on
// other architectures.
#pragma once

namespace lathe {

bool cpu_has_avx2() noexcept;        // AVX2, FMA, F16C, BMI2
bool cpu_has_avx512() noexcept;      // and AVX-512 F, BW, VL, DQ, VNNI
bool cpu_has_avx512vbmi() noexcept;  // and AVX512_VBMI
bool cpu_has_avx512bf16() noexcept;  // avx512 and AVX512_BF16
bool cpu_has_dotprod() noexcept;     // Arm SDOT/UDOT
bool cpu_has_i8mm() noexcept;        // and the int8 matrix product

}  // namespace lathe
