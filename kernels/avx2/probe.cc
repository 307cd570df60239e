// Probes of the AVX2 tier: what a core can do at most with this tier's instructions.
//
// Each loop keeps enough independent accumulators in registers that only the issue rate of the
// multiplying instruction bounds it, and touches no memory.
#include <immintrin.h>

#include "kernels/kernel_table.h"

namespace lathe {

void fill_avx2_probes(KernelTable& table) noexcept;

namespace {

constexpr std::size_t kAccumulators = 12;  // of 16 registers; latency 5 times two ports needs 10

float sum(__m256 x) noexcept {
  float parts[8];
  _mm256_storeu_ps(parts, x);
  float total = 0;
  for (const float part : parts) total += part;
  return total;
}

// Without VNNI products are added up in int16 (u8 x s8, two to a lane) as long as they fit and then
// widened. Codes of up to 4 bits, the most common, let eight fit: so many to a widening is the mix
// of instructions that bounds their panels. The empty assembly keeps the compiler from computing
// the products, which are always the same, only once, and from adding them up as a tree.
double probe_int8(std::size_t n_iterations, float* sink) noexcept {
  constexpr std::size_t kRun = 8, kChains = 6;
  __m256i a = _mm256_set1_epi8(3);
  const __m256i b = _mm256_set1_epi8(-5);
  const __m256i ones = _mm256_set1_epi16(1);
  __m256i wide[kChains];
  for (__m256i& x : wide) x = _mm256_setzero_si256();
  for (std::size_t i = 0; i < n_iterations; ++i) {
    __m256i narrow[kChains];
#pragma GCC unroll 8
    for (std::size_t s = 0; s < kRun; ++s) {
#pragma GCC unroll 6
      for (std::size_t k = 0; k < kChains; ++k) {
        asm volatile("" : "+x"(a));
        const __m256i pairs = _mm256_maddubs_epi16(a, b);
        narrow[k] = s == 0 ? pairs : _mm256_add_epi16(narrow[k], pairs);
        asm("" : "+x"(narrow[k]));
      }
    }
#pragma GCC unroll 6
    for (std::size_t k = 0; k < kChains; ++k) {
      wide[k] = _mm256_add_epi32(wide[k], _mm256_madd_epi16(narrow[k], ones));
    }
  }
  __m256i total = wide[0];
  for (std::size_t k = 1; k < kChains; ++k) total = _mm256_add_epi32(total, wide[k]);
  *sink = sum(_mm256_cvtepi32_ps(total));
  return static_cast<double>(n_iterations) * kRun * kChains * 32;
}

double probe_fma(std::size_t n_iterations, float* sink) noexcept {
  const __m256 a = _mm256_set1_ps(0.5f);
  const __m256 b = _mm256_set1_ps(1.25f);
  __m256 acc[kAccumulators];
  for (__m256& x : acc) x = _mm256_setzero_ps();
  for (std::size_t i = 0; i < n_iterations; ++i) {
#pragma GCC unroll 12
    for (std::size_t k = 0; k < kAccumulators; ++k) acc[k] = _mm256_fmadd_ps(a, b, acc[k]);
  }
  __m256 total = acc[0];
  for (std::size_t k = 1; k < kAccumulators; ++k) total = _mm256_add_ps(total, acc[k]);
  *sink = sum(total);
  return static_cast<double>(n_iterations) * kAccumulators * 8;
}

double probe_read(const void* data, std::size_t bytes, float* sink) noexcept {
  constexpr std::size_t kStep = 8 * sizeof(__m256i);
  const char* p = static_cast<const char*>(data);
  const std::size_t n_steps = bytes / kStep;
  __m256i acc[8];
  for (__m256i& x : acc) x = _mm256_setzero_si256();
  for (std::size_t i = 0; i < n_steps; ++i, p += kStep) {
#pragma GCC unroll 8
    for (std::size_t k = 0; k < 8; ++k) {
      const auto* word = reinterpret_cast<const __m256i*>(p + k * sizeof(__m256i));
      acc[k] = _mm256_add_epi32(acc[k], _mm256_loadu_si256(word));
    }
  }
  __m256i total = acc[0];
  for (std::size_t k = 1; k < 8; ++k) total = _mm256_add_epi32(total, acc[k]);
  *sink = sum(_mm256_cvtepi32_ps(total));
  return static_cast<double>(n_steps * kStep);
}

}  // namespace

void fill_avx2_probes(KernelTable& table) noexcept {
  table.probe_int8 = probe_int8;
  table.probe_fma = probe_fma;
  table.probe_read = probe_read;
}

}  // namespace lathe
