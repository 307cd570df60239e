// Probes of the AVX-512 tier: what a core can do at most with this tier's instructions.
//
// Each loop keeps enough independent accumulators in registers that only the issue rate of the
// multiplying instruction bounds it (latency 5 times two ports needs 10), and touches no memory.
#include <immintrin.h>

#include "kernels/avx512/fill.h"

namespace lathe {
namespace {

constexpr std::size_t kAccumulators = 16;

float sum(__m512 x) noexcept {
  float parts[16];
  _mm512_storeu_ps(parts, x);
  float total = 0;
  for (const float part : parts) total += part;
  return total;
}

float sum(__m512i x) noexcept {
  std::int32_t parts[16];
  _mm512_storeu_si512(parts, x);
  float total = 0;
  for (const std::int32_t part : parts) total += static_cast<float>(part);
  return total;
}

// As assembly, since GCC 12 shuffles the accumulators of the intrinsic between registers, which
// costs 3 %.
double probe_int8(std::size_t n_iterations, float* sink) noexcept {
  const __m512i a = _mm512_set1_epi8(3);
  const __m512i b = _mm512_set1_epi8(-5);
  __m512i acc[kAccumulators];
  for (__m512i& x : acc) x = _mm512_setzero_si512();
  for (std::size_t i = 0; i < n_iterations; ++i) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kAccumulators; ++k) {
      __m512i x = acc[k];
      asm("vpdpbusd %2, %1, %0" : "+v"(x) : "v"(a), "v"(b));
      acc[k] = x;
    }
  }
  __m512i total = acc[0];
  for (std::size_t k = 1; k < kAccumulators; ++k) total = _mm512_add_epi32(total, acc[k]);
  *sink = sum(total);
  return static_cast<double>(n_iterations) * kAccumulators * 64;
}

double probe_fma(std::size_t n_iterations, float* sink) noexcept {
  const __m512 a = _mm512_set1_ps(0.5f);
  const __m512 b = _mm512_set1_ps(1.25f);
  __m512 acc[kAccumulators];
  for (__m512& x : acc) x = _mm512_setzero_ps();
  for (std::size_t i = 0; i < n_iterations; ++i) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kAccumulators; ++k) acc[k] = _mm512_fmadd_ps(a, b, acc[k]);
  }
  __m512 total = acc[0];
  for (std::size_t k = 1; k < kAccumulators; ++k) total = _mm512_add_ps(total, acc[k]);
  *sink = sum(total);
  return static_cast<double>(n_iterations) * kAccumulators * 16;
}

double probe_read(const void* data, std::size_t bytes, float* sink) noexcept {
  constexpr std::size_t kStep = 8 * sizeof(__m512i);
  const char* p = static_cast<const char*>(data);
  const std::size_t n_steps = bytes / kStep;
  __m512i acc[8];
  for (__m512i& x : acc) x = _mm512_setzero_si512();
  for (std::size_t i = 0; i < n_steps; ++i, p += kStep) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < 8; ++k) {
      acc[k] = _mm512_add_epi32(acc[k], _mm512_loadu_si512(p + k * sizeof(__m512i)));
    }
  }
  __m512i total = acc[0];
  for (std::size_t k = 1; k < 8; ++k) total = _mm512_add_epi32(total, acc[k]);
  *sink = sum(total);
  return static_cast<double>(n_steps * kStep);
}

}  // namespace

void fill_avx512_probes(KernelTable& table) noexcept {
  table.probe_int8 = probe_int8;
  table.probe_fma = probe_fma;
  table.probe_read = probe_read;
}

}  // namespace lathe
