#include "runtime/machine/probes.h"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>

namespace lathe {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) noexcept {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A result that is stored where others could see it cannot be optimised away.
void keep(float value) noexcept {
  std::atomic<float> sink;
  sink.store(value, std::memory_order_relaxed);
  asm volatile("" : : "r"(&sink) : "memory");
}

struct Slice {
  double seconds;
  double macs;
};

Slice run_slice(ThreadPool& pool, PeakProbeFn probe, std::size_t n_iterations) noexcept {
  std::atomic<double> macs{0};
  const Clock::time_point start = Clock::now();
  pool.run([&](int) noexcept {
    float sink = 0;
    macs.fetch_add(probe(n_iterations, &sink), std::memory_order_relaxed);
    keep(sink);
  });
  return {seconds_since(start), macs.load()};
}

// MemAvailable of /proc/meminfo, in bytes; 0 when unknown.
std::size_t available_memory() {
  std::ifstream file("/proc/meminfo");
  std::size_t kib = 0;
  for (std::string word; file >> word;) {
    if (word == "MemAvailable:" && file >> kib) return kib * 1024;
  }
  return 0;
}

// Huge pages where the system offers them: a probe is not to measure address translation.
void advise_huge(std::byte* data, std::size_t size) noexcept {
  constexpr std::size_t kHuge = std::size_t{2} << 20;
  const auto begin = (reinterpret_cast<std::uintptr_t>(data) + kHuge - 1) / kHuge * kHuge;
  const auto end = (reinterpret_cast<std::uintptr_t>(data) + size) / kHuge * kHuge;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
}

// What a thread reads at a time; also the least that one thread gets.
constexpr std::size_t kPiece = std::size_t{1} << 20;
constexpr std::size_t kLeastSlice = std::size_t{32} << 20;

}  // namespace

const char* peak_name(Peak peak) noexcept {
  constexpr const char* kNames[kPeakCount] = {"int8", "fma", "bf16"};
  return kNames[index_of(peak)];
}

Peak panel_peak(const KernelTable& kernels, Format format) noexcept {
  if (format_info(format).group != 0) return Peak::kInt8;
  // Tiers say in the name of a panel when they multiply bfloat16 without widening it.
  const std::string_view name = kernels.matmul[index_of(format)].panel_name;
  return name.find("bf16") != name.npos && kernels.probe_bf16 != nullptr ? Peak::kBf16 : Peak::kFma;
}

PeakProbeFn probe_of(const KernelTable& kernels, Peak peak) noexcept {
  const PeakProbeFn probes[kPeakCount] = {kernels.probe_int8, kernels.probe_fma,
                                          kernels.probe_bf16};
  return probes[index_of(peak)];
}

double peak_rate(ThreadPool& pool, PeakProbeFn probe, double seconds) noexcept {
  if (probe == nullptr) return 0;
  constexpr double kSliceSeconds = 0.004;
  const Clock::time_point start = Clock::now();
  std::size_t n_iterations = 1000;
  double best = 0;
  do {
    const Slice slice = run_slice(pool, probe, n_iterations);
    if (slice.seconds < kSliceSeconds / 4) {
      n_iterations *= 4;  // too short to time well
      continue;
    }
    best = std::max(best, slice.macs / slice.seconds);
  } while (best == 0 || seconds_since(start) < seconds);
  return best;
}

PeakRates measure_peaks(ThreadPool& pool, const KernelTable& kernels,
                        double seconds_each) noexcept {
  return {.int8 = peak_rate(pool, kernels.probe_int8, seconds_each),
          .fma = peak_rate(pool, kernels.probe_fma, seconds_each),
          .bf16 = peak_rate(pool, kernels.probe_bf16, seconds_each)};
}

std::size_t dram_probe_bytes(const Topology& topology) {
  constexpr std::size_t kLeast = std::size_t{512} << 20;
  constexpr std::size_t kMost = std::size_t{8} << 30;
  std::size_t bytes = std::clamp<std::size_t>(4 * topology.last_level_bytes(), kLeast, kMost);
  if (const std::size_t available = available_memory(); available > 0) {
    bytes = std::min(bytes, available / 4);
  }
  return std::max(bytes, kPiece);
}

// A large buffer is read in slices, so that a thread which loses its core for a moment spoils one
// of them and not the whole pass.
BandwidthProbe::BandwidthProbe(ThreadPool& pool, const KernelTable& kernels, std::size_t bytes)
    : pool_(pool),
      read_(kernels.probe_read),
      buffer_(std::max(bytes, kPiece)),
      n_slices_(buffer_.size() >= 4 * kLeastSlice ? 4 : 1) {
  advise_huge(buffer_.data(), buffer_.size());
  // Untouched pages would all be the one zero page, which is always in the cache.
  for (std::size_t i = 0; i < n_slices_; ++i) {
    const std::span<std::byte> part = slice(i);
    pool_.for_ranges(part.size(), kPiece, [part](std::size_t begin, std::size_t end) noexcept {
      std::memset(part.data() + begin, 1, end - begin);
    });
  }
}

std::span<std::byte> BandwidthProbe::slice(std::size_t i) const noexcept {
  const std::size_t step = buffer_.size() / n_slices_ / kPiece * kPiece;
  const std::size_t begin = i * step;
  return {buffer_.data() + begin, i + 1 == n_slices_ ? buffer_.size() - begin : step};
}

double BandwidthProbe::read_slice(std::size_t i) noexcept {
  const std::span<std::byte> part = slice(i);
  std::atomic<double> read{0};
  const Clock::time_point start = Clock::now();
  pool_.for_ranges(part.size(), kPiece, [&](std::size_t begin, std::size_t end) noexcept {
    float sink = 0;
    read.fetch_add(read_(part.data() + begin, end - begin, &sink), std::memory_order_relaxed);
    keep(sink);
  });
  return read.load() / seconds_since(start);
}

double BandwidthProbe::measure(double seconds) noexcept {
  const Clock::time_point start = Clock::now();
  for (std::size_t i = 0; i < n_slices_; ++i) read_slice(i);
  double best = 0;
  do {
    for (std::size_t i = 0; i < n_slices_; ++i) best = std::max(best, read_slice(i));
  } while (seconds_since(start) < seconds);
  return best;
}

}  // namespace lathe
