// What this machine can do at most, right now: multiply-accumulates per second of the kernels' best
// instructions, and bytes per second read from memory. The yardsticks of `lathe bench` and `lathe
// cpu`.
//
// All probes return the best of several short slices: other work on the machine makes slices
// slower, nothing makes one faster than the hardware. The speed of memory on shared machines
// changes by the minute, so it is to be probed right beside what it is compared with; a probe is
// cheap.
#pragma once

#include <cstddef>
#include <span>

#include "kernels/kernel_table.h"
#include "runtime/base/aligned_buffer.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/machine/topology.h"

namespace lathe {

// A measured share of a limit above this says that the probe is broken, not that code is that good.
inline constexpr double kMaxPlausibleShare = 1.03;

// The instruction whose issue rate bounds a matrix product of many tokens.
enum class Peak { kInt8, kFma, kBf16 };
inline constexpr std::size_t kPeakCount = 3;
constexpr std::size_t index_of(Peak p) noexcept { return static_cast<std::size_t>(p); }

const char* peak_name(Peak peak) noexcept;  // "int8", "fma", "bf16"
// Which one the panels of a format use in this table.
Peak panel_peak(const KernelTable& kernels, Format format) noexcept;
PeakProbeFn probe_of(const KernelTable& kernels, Peak peak) noexcept;

struct PeakRates {  // multiply-accumulates per second, all threads together; 0: not in this tier
  double int8 = 0;
  double fma = 0;
  double bf16 = 0;
};

// Runs the probe on every thread of the pool for about `seconds`. 0 for a null probe.
double peak_rate(ThreadPool& pool, PeakProbeFn probe, double seconds) noexcept;
PeakRates measure_peaks(ThreadPool& pool, const KernelTable& kernels, double seconds_each) noexcept;

// Bytes to read so that caches hardly help: four times all last-level caches, at least 512 MB, at
// most a quarter of the memory that is free now.
std::size_t dram_probe_bytes(const Topology& topology);

// Reads a buffer of its own from end to end, one contiguous piece per thread. With a buffer as
// large as what a loop touches each time round, this is the speed limit of that loop, caches
// included.
class BandwidthProbe {
 public:
  // Allocates and fills the buffer (its pages lie where the pool's threads read them).
  // Throws std::bad_alloc when there is no room.
  BandwidthProbe(ThreadPool& pool, const KernelTable& kernels, std::size_t bytes);

  // Bytes per second of the fastest slice within `seconds`; at least two passes over the buffer are
  // made, the first of which does not count (it warms caches and the address translation).
  double measure(double seconds) noexcept;
  std::size_t bytes() const noexcept { return buffer_.size(); }

 private:
  std::span<std::byte> slice(std::size_t i) const noexcept;
  double read_slice(std::size_t i) noexcept;

  ThreadPool& pool_;
  ReadProbeFn read_;
  AlignedBuffer buffer_;
  std::size_t n_slices_;
};

}  // namespace lathe
