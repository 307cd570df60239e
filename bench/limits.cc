#include "bench/limits.h"

#include <ctime>

namespace lathe::bench {
namespace {

double rate_of(const PeakRates& rates, Peak peak) {
  const double all[kPeakCount] = {rates.int8, rates.fma, rates.bf16};
  return all[index_of(peak)];
}

void set_share(benchmark::State& state, double share) {
  if (share > kMaxPlausibleShare) {
    state.SetLabel("probe broken: no share");
  } else {
    state.counters["share"] = share;
  }
}

}  // namespace

double thread_seconds() noexcept {
  timespec t = {};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
}

Limits::Limits(const KernelTable& kernels)
    : kernels_(kernels), pool_({.n_threads = 1}), peaks_(measure_peaks(pool_, kernels, 0.2)) {}

void Limits::count_macs(benchmark::State& state, double seconds, double macs, Peak peak) {
  state.counters["GMAC/s"] = macs / seconds / 1e9;
  set_share(state, macs / seconds / rate_of(peaks_, peak));
}

void Limits::count_bytes(benchmark::State& state, double seconds, double bytes, double macs) {
  // Long enough for a few undisturbed passes on a machine with other work.
  constexpr double kProbeSeconds = 0.1;
  BandwidthProbe probe(pool_, kernels_, static_cast<std::size_t>(bytes));
  state.counters["GB/s"] = bytes / seconds / 1e9;
  state.counters["GMAC/s"] = macs / seconds / 1e9;
  set_share(state, bytes / seconds / probe.measure(kProbeSeconds));
}

}  // namespace lathe::bench
