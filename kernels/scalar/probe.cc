// Probes of the portable tier: plain loops, as good as the compiler's baseline makes them.
//
// They bound nothing but this tier: their accumulators are arrays that fit the registers of any
// target, and the empty assembly keeps the compiler from folding equal rounds into one.
#include <cstdint>
#include <cstring>

#include "kernels/scalar/parts.h"

namespace lathe {
namespace {

constexpr std::size_t kLanes = 32;

double probe_int8(std::size_t n_iterations, float* sink) noexcept {
  std::int16_t a[kLanes], b[kLanes];
  std::int32_t acc[kLanes / 2] = {};
  for (std::size_t k = 0; k < kLanes; ++k) {
    a[k] = static_cast<std::int16_t>(k);
    b[k] = static_cast<std::int16_t>(5 - static_cast<int>(k));
  }
  for (std::size_t i = 0; i < n_iterations; ++i) {
    asm volatile("" : "+m"(a), "+m"(b));
    for (std::size_t k = 0; k < kLanes / 2; ++k) {
      const std::int32_t pair = a[2 * k] * b[2 * k] + a[2 * k + 1] * b[2 * k + 1];
      acc[k] = static_cast<std::int32_t>(static_cast<std::uint32_t>(acc[k]) +
                                         static_cast<std::uint32_t>(pair));
    }
  }
  float total = 0;
  for (const std::int32_t x : acc) total += static_cast<float>(x);
  *sink = total;
  return static_cast<double>(n_iterations) * kLanes;
}

double probe_fma(std::size_t n_iterations, float* sink) noexcept {
  float a[kLanes], acc[kLanes] = {};
  for (std::size_t k = 0; k < kLanes; ++k) a[k] = 0.5f + static_cast<float>(k);
  for (std::size_t i = 0; i < n_iterations; ++i) {
    asm volatile("" : "+m"(a));
    for (std::size_t k = 0; k < kLanes; ++k) acc[k] += a[k] * 1.25f;
  }
  float total = 0;
  for (const float x : acc) total += x;
  *sink = total;
  return static_cast<double>(n_iterations) * kLanes;
}

double probe_read(const void* data, std::size_t bytes, float* sink) noexcept {
  constexpr std::size_t kWords = 8;
  const auto* p = static_cast<const unsigned char*>(data);
  const std::size_t n_steps = bytes / (kWords * sizeof(std::uint64_t));
  std::uint64_t acc[kWords] = {};
  for (std::size_t i = 0; i < n_steps; ++i, p += sizeof acc) {
    std::uint64_t words[kWords];
    std::memcpy(words, p, sizeof words);
    for (std::size_t k = 0; k < kWords; ++k) acc[k] += words[k];
  }
  std::uint64_t total = 0;
  for (const std::uint64_t x : acc) total += x;
  *sink = static_cast<float>(total);
  return static_cast<double>(n_steps * sizeof acc);
}

}  // namespace

void fill_scalar_probes(KernelTable& table) noexcept {
  table.probe_int8 = probe_int8;
  table.probe_fma = probe_fma;
  table.probe_read = probe_read;
}

}  // namespace lathe
