// What the benchmarks compare themselves with: the peaks and the read bandwidth of one thread.
#pragma once

#include <benchmark/benchmark.h>

#include <cstddef>

#include "kernels/kernel_table.h"
#include "runtime/machine/probes.h"

namespace lathe::bench {

double thread_seconds() noexcept;

// Runs the benchmark's loop; CPU seconds of this thread per iteration, which other work on the
// machine does not stretch.
template <class Body>
double time_loop(benchmark::State& state, Body body) {
  const double start = thread_seconds();
  for (auto _ : state) {
    body();
    benchmark::ClobberMemory();
  }
  return (thread_seconds() - start) / static_cast<double>(state.iterations());
}

class Limits {
 public:
  explicit Limits(const KernelTable& kernels);

  const KernelTable& kernels() const noexcept { return kernels_; }
  ThreadPool& pool() noexcept { return pool_; }

  // Each iteration did `macs` products in `seconds`; the share is of the peak.
  void count_macs(benchmark::State& state, double seconds, double macs, Peak peak);
  // Each iteration read `bytes` of weights and did `macs` products; the share is of the bandwidth
  // of reading a buffer of that size, caches included, probed now.
  void count_bytes(benchmark::State& state, double seconds, double bytes, double macs);

 private:
  const KernelTable& kernels_;
  ThreadPool pool_;
  PeakRates peaks_;
};

void add_kernel_benchmarks(Limits& limits);
void add_blas_benchmarks(Limits& limits);
void add_rounding_benchmarks(Limits& limits);
void add_grammar_benchmarks();

}  // namespace lathe::bench
