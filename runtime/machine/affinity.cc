#include "runtime/machine/affinity.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <string>
#include <system_error>

namespace lathe {
namespace {

constexpr int kMaxCpus = 8192;  // what the largest kernels are built for

// cpu_set_t stops at 1024 CPUs; this is the same bit field, longer.
struct CpuBits {
  std::array<cpu_set_t, kMaxCpus / CPU_SETSIZE> sets = {};

  cpu_set_t* get() noexcept { return sets.data(); }
  bool has(int cpu) const noexcept { return CPU_ISSET_S(cpu, sizeof sets, sets.data()) != 0; }
  void add(int cpu) noexcept { CPU_SET_S(cpu, sizeof sets, sets.data()); }
};

std::vector<int> cpus_of_thread(int thread_id) {
  CpuBits bits;
  std::vector<int> cpus;
  if (::sched_getaffinity(thread_id, sizeof bits.sets, bits.get()) != 0) return cpus;
  for (int cpu = 0; cpu < kMaxCpus; ++cpu) {
    if (bits.has(cpu)) cpus.push_back(cpu);
  }
  return cpus;
}

}  // namespace

std::vector<int> thread_cpus() { return cpus_of_thread(0); }

std::vector<int> process_cpus() {
  std::vector<int> all = thread_cpus();
  std::error_code ignored;
  for (std::filesystem::directory_iterator task("/proc/self/task", ignored), end;
       !ignored && task != end; task.increment(ignored)) {
    const std::string name = task->path().filename().string();
    int thread_id = 0;
    std::from_chars(name.data(), name.data() + name.size(), thread_id);
    const std::vector<int> cpus = thread_id > 0 ? cpus_of_thread(thread_id) : std::vector<int>();
    all.insert(all.end(), cpus.begin(), cpus.end());
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

bool bind_this_thread(const std::vector<int>& cpus) noexcept {
  CpuBits bits;
  for (const int cpu : cpus) {
    if (cpu < 0 || cpu >= kMaxCpus) return false;
    bits.add(cpu);
  }
  return !cpus.empty() && ::sched_setaffinity(0, sizeof bits.sets, bits.get()) == 0;
}

}  // namespace lathe
