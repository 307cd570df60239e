#include "runtime/machine/memory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>

#include "runtime/machine/cgroup.h"

namespace lathe {
namespace {

using Counters = std::map<std::string, std::uint64_t>;

// "name value" or "Name:   value kB" a line.
Counters read_counters(const std::filesystem::path& path) {
  Counters out;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line);
    std::string name, unit;
    std::uint64_t value = 0;
    if (!(words >> name >> value)) continue;
    if (name.ends_with(':')) name.pop_back();
    words >> unit;
    out[name] = unit == "kB" ? value * 1024 : value;
  }
  return out;
}

std::uint64_t counter(const Counters& counters, const std::string& name) {
  const auto found = counters.find(name);
  return found == counters.end() ? 0 : found->second;
}

// Nothing for "max" and files that are not there.
std::optional<std::uint64_t> read_number(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::uint64_t value = 0;
  return file >> value ? std::optional(value) : std::nullopt;
}

// What the two versions call things.
struct Names {
  const char *limit, *usage, *active_file, *inactive_file;
};
constexpr Names kV2 = {"memory.max", "memory.current", "active_file", "inactive_file"};
constexpr Names kV1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_active_file",
                       "total_inactive_file"};

// Each group may set a limit.
void apply_group(const ControlGroup& group, MemoryInfo& info) {
  const Names& names = group.is_v2 ? kV2 : kV1;
  const auto limit = read_number(group.folder / names.limit);
  const auto usage = read_number(group.folder / names.usage);
  if (!limit || !usage) return;
  const Counters stat = read_counters(group.folder / "memory.stat");
  const std::uint64_t files =
      std::min(*usage, counter(stat, names.active_file) + counter(stat, names.inactive_file));
  const std::uint64_t taken = *usage - files;
  info.total = std::min(info.total, *limit);
  info.available = std::min(info.available, *limit > taken ? *limit - taken : 0);
}

}  // namespace

MemoryInfo memory_info(const std::string& root_path) {
  const std::filesystem::path root(root_path);
  const Counters machine = read_counters(root / "proc/meminfo");
  MemoryInfo info{counter(machine, "MemTotal"), counter(machine, "MemAvailable")};
  for (const ControlGroup& group : control_groups(root, "memory")) apply_group(group, info);
  return info;
}

}  // namespace lathe
