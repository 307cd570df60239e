// Which CPUs threads may run on, asked of and told to Linux.
#pragma once

#include <string_view>
#include <vector>

namespace lathe {

// CPUs of the calling thread, ascending; empty when the system does not tell.
std::vector<int> thread_cpus();

// CPUs that any thread of this process may run on, ascending. Pools bind their threads so that this
// union stays what it was on machines with one NUMA node and one kind of core: a second pool, or a
// later look at the topology, sees all of it again. Elsewhere, pass the first Topology on.
std::vector<int> process_cpus();

// Binds the calling thread. False when the system refuses; it then runs where it did before.
bool bind_this_thread(const std::vector<int>& cpus) noexcept;

// CPUs' worth of time that the control group of this process is granted; 0: no limit.
double cgroup_cpu_quota();

// The text of cgroup v2's cpu.max: "200000 100000" is 2, "max 100000" and nonsense are 0 (no
// limit).
double parse_cpu_max(std::string_view text) noexcept;

}  // namespace lathe
