// Probes of what the machine can reach with this tier's instructions (PeakProbeFn, ReadProbeFn).
#pragma once

#include "kernels/lanes/words.h"

namespace lathe {
namespace {

inline double probe_fma(std::size_t n_iterations, float* sink) noexcept {
  constexpr int kChains = 10;  // enough to hide the latency, few enough for 16 registers
  F32x8 s[kChains];
  for (int k = 0; k < kChains; ++k) s[k] = broadcast(static_cast<float>(k));
  const F32x8 a = broadcast(0.999f), b = broadcast(0.001f);
  for (std::size_t i = 0; i < n_iterations; ++i) {
    for (F32x8& x : s) x = fma(x, a, b);
  }
  F32x8 total = zero();
  for (const F32x8& x : s) total = total + x;
  *sink = sum(total);
  return static_cast<double>(n_iterations) * kChains * 8;
}

inline double probe_read(const void* data, std::size_t bytes, float* sink) noexcept {
  const auto* p = static_cast<const std::uint8_t*>(data);
  U8x32 seen[4];
  for (U8x32& x : seen) x = broadcast_byte(0);
  std::size_t i = 0;
  for (; i + 128 <= bytes; i += 128) {
    for (std::size_t k = 0; k < 4; ++k) seen[k] = seen[k] | load_bytes(p + i + 32 * k);
  }
  std::uint8_t all[32];
  store_bytes(all, (seen[0] | seen[1]) | (seen[2] | seen[3]));
  unsigned last = 0;
  for (std::uint8_t x : all) last |= x;
  for (; i < bytes; ++i) last |= p[i];
  *sink = static_cast<float>(last);
  return static_cast<double>(bytes);
}

}  // namespace
}  // namespace lathe
