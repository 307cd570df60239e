#include "runtime/machine/placement.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <map>
#include <set>

namespace lathe {
namespace {

struct Seat {
  std::vector<int> cpus;
  int node;
  int kind;
};

// The node whose cores of the fastest kind alone can hold n threads, if there is one; -1 otherwise.
int node_with_room(const Topology& topology, std::size_t n) {
  std::map<int, std::size_t> n_fast;
  for (const Core& core : topology.cores) n_fast[core.node] += core.kind == 0 ? 1 : 0;
  for (const auto& [node, count] : n_fast) {
    if (count >= n) return node;
  }
  return -1;
}

// Seats in the order in which threads take them.
std::vector<Seat> seats_of(const Topology& topology, std::size_t n_threads) {
  std::vector<Seat> seats;
  if (n_threads <= topology.cores.size()) {
    const int node = node_with_room(topology, n_threads);
    for (const Core& core : topology.cores) {
      if (node < 0 || core.node == node) seats.push_back({core.cpus, core.node, core.kind});
    }
    return seats;
  }
  std::size_t most = 0;
  for (const Core& core : topology.cores) most = std::max(most, core.cpus.size());
  for (std::size_t i = 0; i < most; ++i) {
    for (const Core& core : topology.cores) {
      if (i < core.cpus.size()) seats.push_back({{core.cpus[i]}, core.node, core.kind});
    }
  }
  return seats;
}

MemoryPolicy memory_policy(const Topology& topology, const std::vector<Seat>& taken) {
  if (topology.nodes.size() < 2) return {};
  std::set<int> nodes;
  for (const Seat& seat : taken) nodes.insert(seat.node);
  return {nodes.size() == 1 ? MemoryPolicy::Kind::kPrefer : MemoryPolicy::Kind::kInterleave,
          {nodes.begin(), nodes.end()}};
}

// What is left for the calling thread when the others have their seats: cores like its own.
std::vector<int> callers_cpus(const Topology& topology, const std::vector<Seat>& taken) {
  std::set<int> left;
  for (const Core& core : topology.cores) {
    const bool alike = core.node == taken[0].node && core.kind == taken[0].kind;
    if (alike || taken.size() == 1) left.insert(core.cpus.begin(), core.cpus.end());
  }
  for (std::size_t i = 1; i < taken.size(); ++i) {
    for (const int cpu : taken[i].cpus) left.erase(cpu);
  }
  return {left.begin(), left.end()};
}

}  // namespace

int default_thread_count(const Topology& topology) noexcept {
  int n = 0;
  for (const Core& core : topology.cores) n += core.kind == 0 ? 1 : 0;
  if (topology.cpu_quota > 0) n = std::min(n, static_cast<int>(std::floor(topology.cpu_quota)));
  return std::max(1, n);
}

ThreadPlacement place_threads(const Topology& topology, int n_threads) {
  const std::size_t n = static_cast<std::size_t>(std::max(1, n_threads));
  ThreadPlacement placement;
  placement.cpus.resize(n);
  placement.crowded =
      n_threads > topology.n_cpus() || (topology.cpu_quota > 0 && n_threads > topology.cpu_quota);
  std::vector<Seat> seats = seats_of(topology, n);
  if (n > seats.size()) {
    placement.memory = memory_policy(topology, seats);
    return placement;
  }
  seats.resize(n);
  std::stable_sort(seats.begin(), seats.end(),
                   [](const Seat& a, const Seat& b) { return a.node < b.node; });
  placement.memory = memory_policy(topology, seats);
  for (std::size_t i = 1; i < n; ++i) placement.cpus[i] = seats[i].cpus;
  placement.cpus[0] = callers_cpus(topology, seats);
  return placement;
}

}  // namespace lathe
