// Probe of the bfloat16 dot product (see kernels/avx512/probe.cc for the others of AVX-512).
#include <immintrin.h>

#include "kernels/avx512bf16/fill.h"

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

double probe_bf16(std::size_t n_iterations, float* sink) noexcept {
  const __m512bh a = _mm512_cvtne2ps_pbh(_mm512_set1_ps(0.5f), _mm512_set1_ps(0.25f));
  const __m512bh b = _mm512_cvtne2ps_pbh(_mm512_set1_ps(1.25f), _mm512_set1_ps(1.5f));
  __m512 acc[kAccumulators];
  for (__m512& x : acc) x = _mm512_setzero_ps();
  for (std::size_t i = 0; i < n_iterations; ++i) {
#pragma GCC unroll 16
    for (std::size_t k = 0; k < kAccumulators; ++k) acc[k] = _mm512_dpbf16_ps(acc[k], a, b);
  }
  __m512 total = acc[0];
  for (std::size_t k = 1; k < kAccumulators; ++k) total = _mm512_add_ps(total, acc[k]);
  *sink = sum(total);
  return static_cast<double>(n_iterations) * kAccumulators * 32;
}

}  // namespace

void fill_avx512bf16_probes(KernelTable& table) noexcept { table.probe_bf16 = probe_bf16; }

}  // namespace lathe
