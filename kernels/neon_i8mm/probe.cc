// Probe of the int8 matrix product (2 x 8 by 8 x 2) (see kernels/neon/probe.cc for the others).
#include <arm_neon.h>

#include "kernels/kernel_table.h"

namespace lathe {

void fill_neon_i8mm_probes(KernelTable& table) noexcept;

namespace {

constexpr std::size_t kAccumulators = 16;

double probe_int8(std::size_t n_iterations, float* sink) noexcept {
  const int8x16_t a = vdupq_n_s8(3);
  const int8x16_t b = vdupq_n_s8(-5);
  int32x4_t acc[kAccumulators];
  for (int32x4_t& x : acc) x = vdupq_n_s32(0);
  for (std::size_t i = 0; i < n_iterations; ++i) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kAccumulators; ++k) acc[k] = vmmlaq_s32(acc[k], a, b);
  }
  int32x4_t total = acc[0];
  for (std::size_t k = 1; k < kAccumulators; ++k) total = vaddq_s32(total, acc[k]);
  *sink = static_cast<float>(vaddvq_s32(total));
  return static_cast<double>(n_iterations) * kAccumulators * 32;
}

}  // namespace

void fill_neon_i8mm_probes(KernelTable& table) noexcept { table.probe_int8 = probe_int8; }

}  // namespace lathe
