#include "runtime/machine/memory.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <optional>
#include <sstream>

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
struct Version {
  const char *folder, *limit, *usage, *active_file, *inactive_file;
};
constexpr Version kV2 = {"sys/fs/cgroup", "memory.max", "memory.current", "active_file",
                         "inactive_file"};
constexpr Version kV1 = {"sys/fs/cgroup/memory", "memory.limit_in_bytes", "memory.usage_in_bytes",
                         "total_active_file", "total_inactive_file"};

void apply_group(const std::filesystem::path& folder, const Version& version, MemoryInfo& info) {
  const auto limit = read_number(folder / version.limit);
  const auto usage = read_number(folder / version.usage);
  if (!limit || !usage) return;
  const Counters stat = read_counters(folder / "memory.stat");
  const std::uint64_t files =
      std::min(*usage, counter(stat, version.active_file) + counter(stat, version.inactive_file));
  const std::uint64_t taken = *usage - files;
  info.total = std::min(info.total, *limit);
  info.available = std::min(info.available, *limit > taken ? *limit - taken : 0);
}

// The group and all groups around it: each may set a limit.
void apply_groups(const std::filesystem::path& root, std::string group, const Version& version,
                  MemoryInfo& info) {
  for (;;) {
    apply_group(root / version.folder / group.substr(group.empty() ? 0 : 1), version, info);
    if (group.empty()) return;
    group.erase(group.rfind('/'));
  }
}

}  // namespace

MemoryInfo memory_info(const std::string& root_path) {
  const std::filesystem::path root(root_path);
  const Counters machine = read_counters(root / "proc/meminfo");
  MemoryInfo info{counter(machine, "MemTotal"), counter(machine, "MemAvailable")};
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "4:memory:/path", "0::/path"
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos || line.find("/..") != std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (!group.starts_with('/')) continue;
    if (group == "/") group.clear();
    if (controllers.empty()) apply_groups(root, group, kV2, info);
    if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      apply_groups(root, group, kV1, info);
    }
  }
  return info;
}

}  // namespace lathe
