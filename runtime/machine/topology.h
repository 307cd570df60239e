// What the machine is made of, as far as placing threads and memory depends on it: physical cores
// with their CPUs (hardware threads), kinds of cores, NUMA nodes, caches. Found by hwloc, reduced
// to the CPUs that this process may use (cgroup, affinity).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace lathe {

struct Core {
  std::vector<int> cpus;  // operating system numbers of its usable hardware threads, never empty
  int package = 0;
  int node = 0;  // NUMA node its memory is nearest to
  int kind = 0;  // 0: the fastest kind of this machine, 1: the next, ...
};

struct CacheInfo {
  std::string name;  // "L1d", "L1i", "L2", ...
  std::uint64_t bytes = 0;
  int count = 0;  // how many of these the machine shows
};

struct NumaNode {
  int id = 0;
  std::uint64_t bytes = 0;  // local memory
};

struct Topology {
  std::string cpu_model;
  std::vector<Core> cores;  // fastest kind first, then in the order of the machine
  std::vector<CacheInfo> caches;
  std::vector<NumaNode> nodes;
  int n_packages = 1;
  double cpu_quota = 0;         // CPUs' worth of time that the cgroup grants; 0: no limit
  bool is_this_machine = true;  // false: synthetic, or read from a file; nothing is bound then

  int n_cpus() const noexcept;
  int n_kinds() const noexcept;
  std::uint64_t last_level_bytes() const noexcept;  // of all the last-level caches together
};

// Never throws and never comes back without a core: where hwloc sees nothing, each CPU is a core.
Topology read_topology();

// hwloc's synthetic notation ("package:2 numa:1 core:4 pu:2"); `slow_cpus` are declared to be of a
// slower kind, which the notation cannot say. Error (kUsage) when hwloc refuses the description.
Topology synthetic_topology(const std::string& description, const std::vector<int>& slow_cpus = {});

}  // namespace lathe
