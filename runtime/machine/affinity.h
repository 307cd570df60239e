// Which CPUs threads may run on, asked of and told to Linux.
#pragma once

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

}  // namespace lathe
