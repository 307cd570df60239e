// The steps between matrix products, and the probes of what this tier can reach.
#include "kernels/lanes/steps.h"

#include "kernels/avx2/parts.h"
#include "kernels/lanes/probe.h"

namespace lathe {
namespace {

// The sequence that stands in for an int8 dot product: u8 x s8 to int16 pairs, to int32, added.
double probe_int8(std::size_t n_iterations, float* sink) noexcept {
  __m256i sums[8];
  for (__m256i& s : sums) s = _mm256_setzero_si256();
  __m256i w = _mm256_set1_epi8(3);
  const __m256i a = _mm256_set1_epi8(-5);
  const __m256i ones = _mm256_set1_epi16(1);
  for (std::size_t i = 0; i < n_iterations; ++i) {
    for (__m256i& s : sums) {
      __asm__ volatile("" : "+x"(w));  // a new value, as far as the compiler knows
      s = _mm256_add_epi32(s, _mm256_madd_epi16(_mm256_maddubs_epi16(w, a), ones));
    }
  }
  I32x8 total = zero_int();
  for (const __m256i& s : sums) total = total + I32x8{s};
  *sink = sum(to_f32(total));
  return static_cast<double>(n_iterations) * 8 * 32;
}

}  // namespace

void fill_avx2_steps(KernelTable& table) noexcept {
  set_steps(table);
  table.probe_int8 = probe_int8;
  table.probe_fma = probe_fma;
  table.probe_read = probe_read;
}

}  // namespace lathe
