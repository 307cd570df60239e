#include "runtime/machine/topology.h"

#include <hwloc.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <set>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/machine/affinity.h"
#include "runtime/machine/cgroup.h"

namespace lathe {
namespace {

struct DestroyTopology {
  void operator()(hwloc_topology* t) const noexcept { hwloc_topology_destroy(t); }
};
using Handle = std::unique_ptr<hwloc_topology, DestroyTopology>;

struct FreeBitmap {
  void operator()(hwloc_bitmap_s* b) const noexcept { hwloc_bitmap_free(b); }
};
using Bitmap = std::unique_ptr<hwloc_bitmap_s, FreeBitmap>;

Handle new_handle() {
  // Where there is no /sys (a bare chroot) hwloc would say so on standard error, which is not ours.
  // There is no other way to ask it; whoever sets the variable themselves is heard.
  ::setenv("HWLOC_HIDE_ERRORS", "2", 0);
  hwloc_topology_t raw = nullptr;
  if (hwloc_topology_init(&raw) != 0) return nullptr;
  hwloc_topology_set_io_types_filter(raw, HWLOC_TYPE_FILTER_KEEP_NONE);
  return Handle(raw);
}

// "Intel(R)  Xeon(R)   Processor " -> "Intel(R) Xeon(R) Processor"
std::string squeeze(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c != ' ' || (!out.empty() && out.back() != ' ')) out += c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

std::string cpu_model_of(hwloc_topology_t topology) {
  for (const hwloc_obj_type_t type : {HWLOC_OBJ_PACKAGE, HWLOC_OBJ_MACHINE}) {
    const hwloc_obj_t object = hwloc_get_obj_by_type(topology, type, 0);
    const char* name = object == nullptr ? nullptr : hwloc_obj_get_info_by_name(object, "CPUModel");
    if (name != nullptr && !squeeze(name).empty()) return squeeze(name);
  }
  utsname system = {};
  return ::uname(&system) == 0 ? std::string(system.machine) + " CPU" : "unknown CPU";
}

int package_of(hwloc_topology_t topology, hwloc_obj_t object) {
  const hwloc_obj_t package = hwloc_get_ancestor_obj_by_type(topology, HWLOC_OBJ_PACKAGE, object);
  return package == nullptr ? 0 : static_cast<int>(package->logical_index);
}

// hwloc numbers kinds from the least to the most powerful; here 0 is the most powerful.
int kind_of(hwloc_topology_t topology, hwloc_obj_t object) {
  const int n_kinds = hwloc_cpukinds_get_nr(topology, 0);
  const int kind = n_kinds > 1 ? hwloc_cpukinds_get_by_cpuset(topology, object->cpuset, 0) : -1;
  return kind < 0 ? 0 : n_kinds - 1 - kind;
}

// The CPUs of an object that are usable: present, allowed by the cgroup, and in `usable` if given.
std::vector<int> cpus_of(hwloc_topology_t topology, hwloc_obj_t object,
                         const std::vector<int>* usable) {
  std::vector<int> cpus;
  const hwloc_const_cpuset_t allowed = hwloc_topology_get_allowed_cpuset(topology);
  for (int cpu = hwloc_bitmap_next(object->cpuset, -1); cpu >= 0;
       cpu = hwloc_bitmap_next(object->cpuset, cpu)) {
    if (hwloc_bitmap_isset(allowed, static_cast<unsigned>(cpu)) == 0) continue;
    if (usable != nullptr && !std::binary_search(usable->begin(), usable->end(), cpu)) continue;
    cpus.push_back(cpu);
  }
  return cpus;
}

void read_cores(hwloc_topology_t topology, const std::vector<int>* usable, Topology* out) {
  // A machine (or an emulator) may not tell of cores; hardware threads are always there.
  const hwloc_obj_type_t type =
      hwloc_get_nbobjs_by_type(topology, HWLOC_OBJ_CORE) > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
  for (hwloc_obj_t object = hwloc_get_next_obj_by_type(topology, type, nullptr); object != nullptr;
       object = hwloc_get_next_obj_by_type(topology, type, object)) {
    Core core;
    core.cpus = cpus_of(topology, object, usable);
    if (core.cpus.empty()) continue;
    core.package = package_of(topology, object);
    core.node = std::max(0, hwloc_bitmap_first(object->nodeset));
    core.kind = kind_of(topology, object);
    out->cores.push_back(std::move(core));
  }
  std::stable_sort(out->cores.begin(), out->cores.end(),
                   [](const Core& a, const Core& b) { return a.kind < b.kind; });
}

void read_caches(hwloc_topology_t topology, Topology* out) {
  constexpr struct {
    hwloc_obj_type_t type;
    const char* name;
  } kCaches[] = {{HWLOC_OBJ_L1CACHE, "L1d"},
                 {HWLOC_OBJ_L1ICACHE, "L1i"},
                 {HWLOC_OBJ_L2CACHE, "L2"},
                 {HWLOC_OBJ_L3CACHE, "L3"},
                 {HWLOC_OBJ_L4CACHE, "L4"}};
  for (const auto& cache : kCaches) {
    const hwloc_obj_t first = hwloc_get_obj_by_type(topology, cache.type, 0);
    if (first == nullptr) continue;
    out->caches.push_back(
        {cache.name, first->attr->cache.size, hwloc_get_nbobjs_by_type(topology, cache.type)});
  }
}

void read_nodes(hwloc_topology_t topology, Topology* out) {
  for (hwloc_obj_t node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, nullptr);
       node != nullptr; node = hwloc_get_next_obj_by_type(topology, HWLOC_OBJ_NUMANODE, node)) {
    out->nodes.push_back({static_cast<int>(node->os_index), node->attr->numanode.local_memory});
  }
  if (out->nodes.empty()) out->nodes.push_back({0, 0});
}

Topology describe(hwloc_topology_t topology, const std::vector<int>* usable) {
  Topology out;
  out.cpu_model = cpu_model_of(topology);
  out.is_this_machine = hwloc_topology_is_thissystem(topology) != 0;
  read_cores(topology, usable, &out);
  read_caches(topology, &out);
  read_nodes(topology, &out);
  std::set<int> packages;
  for (const Core& core : out.cores) packages.insert(core.package);
  out.n_packages = std::max<int>(1, static_cast<int>(packages.size()));
  return out;
}

}  // namespace

int Topology::n_cpus() const noexcept {
  std::size_t n = 0;
  for (const Core& core : cores) n += core.cpus.size();
  return static_cast<int>(n);
}

int Topology::n_kinds() const noexcept {
  int last = 0;
  for (const Core& core : cores) last = std::max(last, core.kind);
  return last + 1;
}

std::uint64_t Topology::last_level_bytes() const noexcept {
  return caches.empty() ? 0 : caches.back().bytes * static_cast<std::uint64_t>(caches.back().count);
}

Topology read_topology() {
  const std::vector<int> usable = process_cpus();
  Topology out;
  const Handle handle = new_handle();
  if (handle != nullptr && hwloc_topology_load(handle.get()) == 0) {
    const bool here = hwloc_topology_is_thissystem(handle.get()) != 0;
    out = describe(handle.get(), here && !usable.empty() ? &usable : nullptr);
  }
  if (out.cores.empty()) {
    for (const int cpu : usable) out.cores.push_back({.cpus = {cpu}});
  }
  if (out.cores.empty()) out.cores.push_back({.cpus = {0}});
  if (out.nodes.empty()) out.nodes.push_back({0, 0});
  out.cpu_quota = cgroup_cpu_quota();
  return out;
}

Topology synthetic_topology(const std::string& description, const std::vector<int>& slow_cpus) {
  const Handle handle = new_handle();
  if (handle == nullptr || hwloc_topology_set_synthetic(handle.get(), description.c_str()) != 0 ||
      hwloc_topology_load(handle.get()) != 0) {
    throw usage_error("hwloc refuses the topology '" + description + "'");
  }
  if (!slow_cpus.empty()) {
    const Bitmap slow(hwloc_bitmap_alloc());
    for (const int cpu : slow_cpus) hwloc_bitmap_set(slow.get(), static_cast<unsigned>(cpu));
    const Bitmap fast(hwloc_bitmap_alloc());
    hwloc_bitmap_andnot(fast.get(), hwloc_topology_get_topology_cpuset(handle.get()), slow.get());
    hwloc_cpukinds_register(handle.get(), slow.get(), 0, 0, nullptr, 0);
    hwloc_cpukinds_register(handle.get(), fast.get(), 1, 0, nullptr, 0);
  }
  return describe(handle.get(), nullptr);
}

}  // namespace lathe
