// The tier of AVX-512 with BF16.
//
// vdpbf16ps does 32 multiply-accumulates. AMD's cores since Zen 4 issue it as often as a fused
// multiply-add and so gain a factor of 2; Intel's (measured on Emerald Rapids: one every second
// cycle, 16 multiply-accumulates per cycle against 32 of two FMAs) lose one, and keep the float32
// panels of AVX-512. The choice is by vendor and not by a measurement, so that a machine gives the
// same bits in every run. Matrix-vector products wait for memory: there the instruction saves the
// widening on both.
//
// Activations stay rounded by AVX-512: vcvtneps2bf16 would flush subnormal numbers to zero.
#include "kernels/avx512bf16/fill.h"

#include <cpuid.h>

namespace lathe {
namespace {

bool dot_product_is_fast() noexcept {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (__get_cpuid(0, &a, &b, &c, &d) == 0) return false;
  return b == signature_AMD_ebx && c == signature_AMD_ecx && d == signature_AMD_edx;
}

}  // namespace

void fill_avx512bf16(KernelTable& table) noexcept {
  fill_avx512bf16_matvec(table);
  if (dot_product_is_fast()) fill_avx512bf16_panels(table);
  fill_avx512bf16_probes(table);
}

}  // namespace lathe
