#include "tools/jobs/machine.h"

#include "runtime/machine/placement.h"
#include "tools/jobs/engine.h"

namespace lathe {
namespace {

MachineLimits measure(const Machine& machine, int n_threads) {
  constexpr double kSeconds = 0.25;
  ThreadPool pool({.n_threads = n_threads, .topology = &machine.topology});
  MachineLimits limits;
  limits.n_threads = pool.size();
  limits.peaks = measure_peaks(pool, machine.kernels, kSeconds);
  limits.read = BandwidthProbe(pool, machine.kernels, dram_probe_bytes(machine.topology))
                    .measure(2 * kSeconds);
  return limits;
}

}  // namespace

Machine read_machine(const std::string& isa, int n_threads) {
  Machine machine;
  machine.kernels = kernels_of(isa);
  machine.topology = read_topology();
  machine.n_threads = n_threads > 0 ? n_threads : default_thread_count(machine.topology);
  return machine;
}

std::vector<MachineLimits> measure_limits(const Machine& machine) {
  std::vector<MachineLimits> all = {measure(machine, 1)};
  if (machine.n_threads > 1) all.push_back(measure(machine, machine.n_threads));
  return all;
}

}  // namespace lathe
