// Where threads run and where memory goes: pure functions of the topology and the number of
// threads, so that machines which are not at hand can be tested (hwloc's synthetic topologies).
#pragma once

#include <vector>

#include "runtime/machine/topology.h"

namespace lathe {

// Where pages come from that this process touches first.
struct MemoryPolicy {
  enum class Kind {
    kNone,        // one node: nothing to decide
    kPrefer,      // all threads sit on one node of several: its memory first
    kInterleave,  // threads on several nodes: pages in turn, so that every memory channel works
  };
  Kind kind = Kind::kNone;
  std::vector<int> nodes;

  bool operator==(const MemoryPolicy&) const = default;
};

struct ThreadPlacement {
  // Per thread, the CPUs it may run on. Empty lists: not bound. Thread 0 is the caller's own: it
  // keeps every like CPU that no other thread has (all of them when it is the only thread), so that
  // the CPUs of the process do not shrink under a second pool or other threads (affinity.h).
  std::vector<std::vector<int>> cpus;
  MemoryPolicy memory;
  bool crowded = false;  // more threads than CPUs (or than the cgroup's share of time): spin little
};

// One thread per physical core of the fastest kind, within the cgroup's share of time: a slower
// core would hold up all others at every join.
int default_thread_count(const Topology& topology) noexcept;

// Faster cores first, a whole core per thread while there are cores, then their further hardware
// threads; more threads than CPUs are not bound. Threads that fit on one NUMA node stay on one;
// otherwise nodes are filled in order, so that neighbouring ranges of rows share a node.
ThreadPlacement place_threads(const Topology& topology, int n_threads);

}  // namespace lathe
