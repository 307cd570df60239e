// Probes of the NEON tier: what a core can do at most with this tier's instructions.
//
// Each loop keeps enough independent accumulators in registers that only the issue rate of the
// multiplying instruction bounds it (latency 4 times four pipes needs 16), and touches no memory.
#include <arm_neon.h>

#include "kernels/kernel_table.h"

namespace lathe {

void fill_neon_probes(KernelTable& table) noexcept;

namespace {

constexpr std::size_t kAccumulators = 16;

// Without the dot product instruction: two widening multiplies of eight codes each (their sum fits
// int16, since codes stay within -127..127), then pairs are added to int32. The empty assembly
// keeps the compiler from computing the products, which are always the same, only once.
double probe_int8(std::size_t n_iterations, float* sink) noexcept {
  int8x16_t a = vdupq_n_s8(3);
  const int8x16_t b = vdupq_n_s8(-5);
  int32x4_t acc[kAccumulators];
  for (int32x4_t& x : acc) x = vdupq_n_s32(0);
  for (std::size_t i = 0; i < n_iterations; ++i) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kAccumulators; ++k) {
      asm volatile("" : "+w"(a));
      const int16x8_t low = vmull_s8(vget_low_s8(a), vget_low_s8(b));
      acc[k] = vpadalq_s16(acc[k], vmlal_high_s8(low, a, b));
    }
  }
  int32x4_t total = acc[0];
  for (std::size_t k = 1; k < kAccumulators; ++k) total = vaddq_s32(total, acc[k]);
  *sink = static_cast<float>(vaddvq_s32(total));
  return static_cast<double>(n_iterations) * kAccumulators * 16;
}

double probe_fma(std::size_t n_iterations, float* sink) noexcept {
  const float32x4_t a = vdupq_n_f32(0.5f);
  const float32x4_t b = vdupq_n_f32(1.25f);
  float32x4_t acc[kAccumulators];
  for (float32x4_t& x : acc) x = vdupq_n_f32(0);
  for (std::size_t i = 0; i < n_iterations; ++i) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kAccumulators; ++k) acc[k] = vfmaq_f32(acc[k], a, b);
  }
  float32x4_t total = acc[0];
  for (std::size_t k = 1; k < kAccumulators; ++k) total = vaddq_f32(total, acc[k]);
  *sink = vaddvq_f32(total);
  return static_cast<double>(n_iterations) * kAccumulators * 4;
}

double probe_read(const void* data, std::size_t bytes, float* sink) noexcept {
  constexpr std::size_t kStep = 8 * sizeof(uint8x16_t);
  const auto* p = static_cast<const std::uint8_t*>(data);
  const std::size_t n_steps = bytes / kStep;
  uint8x16_t acc[8];
  for (uint8x16_t& x : acc) x = vdupq_n_u8(0);
  for (std::size_t i = 0; i < n_steps; ++i, p += kStep) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < 8; ++k) acc[k] = vaddq_u8(acc[k], vld1q_u8(p + k * 16));
  }
  uint8x16_t total = acc[0];
  for (std::size_t k = 1; k < 8; ++k) total = vaddq_u8(total, acc[k]);
  *sink = static_cast<float>(vaddvq_u8(total));
  return static_cast<double>(n_steps * kStep);
}

}  // namespace

void fill_neon_probes(KernelTable& table) noexcept {
  table.probe_int8 = probe_int8;
  table.probe_fma = probe_fma;
  table.probe_read = probe_read;
}

}  // namespace lathe
