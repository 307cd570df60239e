#include "runtime/machine/affinity.h"

#include <sched.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <filesystem>
#include <fstream>
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

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

// The path of this process below the cgroup v2 mount: the line "0::/path".
std::string cgroup_path() {
  std::ifstream file("/proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("0::/")) return line.substr(4);
  }
  return {};
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

double parse_cpu_max(std::string_view text) noexcept {
  long quota = 0;
  long period = 0;
  const char* end = text.data() + text.size();
  const auto first = std::from_chars(text.data(), end, quota);
  if (first.ec != std::errc() || first.ptr == end || *first.ptr != ' ') return 0;
  if (std::from_chars(first.ptr + 1, end, period).ec != std::errc()) return 0;
  return quota > 0 && period > 0 ? static_cast<double>(quota) / static_cast<double>(period) : 0;
}

double cgroup_cpu_quota() {
  const std::filesystem::path mount = "/sys/fs/cgroup";
  double least = 0;
  // A limit anywhere up the tree holds; in a container the own group is usually the mount itself.
  for (std::filesystem::path below = cgroup_path();; below = below.parent_path()) {
    const double quota = parse_cpu_max(first_line(mount / below / "cpu.max"));
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
    if (below.empty()) return least;
  }
}

}  // namespace lathe
