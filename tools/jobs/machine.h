// The job of `lathe cpu`: what this machine is, which kernels serve it, how fast it can be.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/machine/probes.h"
#include "runtime/machine/topology.h"

namespace lathe {

struct Machine {
  KernelTable kernels;
  Topology topology;
  int n_threads = 1;  // that commands take
};

// What was measured with so many threads.
struct MachineLimits {
  int n_threads = 1;
  double read = 0;  // bytes per second
  PeakRates peaks;
};

// `n_threads` 0: one per physical core. Error (kUsage) for a tier that this CPU has not.
Machine read_machine(const std::string& isa, int n_threads);

// Of one thread, and of all where that is more. Takes a second.
std::vector<MachineLimits> measure_limits(const Machine& machine);

}  // namespace lathe
