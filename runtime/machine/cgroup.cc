#include "runtime/machine/cgroup.h"

#include <charconv>
#include <fstream>
#include <string>

namespace lathe {
namespace {

namespace fs = std::filesystem;

std::string first_line(const fs::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

void add_with_parents(const fs::path& mount, std::string group, bool is_v2,
                      std::vector<ControlGroup>* groups) {
  for (;;) {
    groups->push_back({mount / group.substr(group.empty() ? 0 : 1), is_v2});
    if (group.empty()) return;
    group.erase(group.rfind('/'));
  }
}

double cpu_quota_of(const ControlGroup& group) {
  if (group.is_v2) return parse_cpu_max(first_line(group.folder / "cpu.max"));
  return parse_cpu_max(first_line(group.folder / "cpu.cfs_quota_us") + " " +
                       first_line(group.folder / "cpu.cfs_period_us"));
}

}  // namespace

std::vector<ControlGroup> control_groups(const fs::path& root, std::string_view controller) {
  const fs::path mount = root / "sys/fs/cgroup";
  const std::string wanted = std::string(1, ',').append(controller).append(1, ',');
  std::vector<ControlGroup> groups;
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {  // "4:cpu,cpuacct:/path", "0::/path"
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos || line.find("/..") != std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    std::string group = line.substr(second + 1);
    if (!group.starts_with('/')) continue;
    if (group == "/") group.clear();
    if (controllers.empty()) {
      add_with_parents(mount, group, true, &groups);
    } else if (("," + controllers + ",").find(wanted) != std::string::npos) {
      add_with_parents(mount / controller, group, false, &groups);
      if (controllers != controller) add_with_parents(mount / controllers, group, false, &groups);
    }
  }
  return groups;
}

double cgroup_cpu_quota(const fs::path& root) {
  double least = 0;
  for (const ControlGroup& group : control_groups(root, "cpu")) {
    const double quota = cpu_quota_of(group);
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
  }
  return least;
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

}  // namespace lathe
