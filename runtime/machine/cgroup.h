// The control groups of this process: where Linux says how much of the machine it may use, in
// either version of their file system.
#pragma once

#include <filesystem>
#include <string_view>
#include <vector>

namespace lathe {

struct ControlGroup {
  std::filesystem::path folder;
  bool is_v2;
};

// The groups that may limit `controller` ("cpu", "memory"): the process's own, then each around it,
// up to the mount; a limit of any of them holds. `root` stands for "/": proc/self/cgroup,
// sys/fs/cgroup. In a container the own group is usually the mount itself, and folders of this list
// do not exist.
std::vector<ControlGroup> control_groups(const std::filesystem::path& root,
                                         std::string_view controller);

// CPUs' worth of time that they grant this process; 0: no limit. The least of all groups counts.
double cgroup_cpu_quota(const std::filesystem::path& root = "/");

// The text of version 2's cpu.max: "200000 100000" is 2, "max 100000" and nonsense are 0 (no
// limit). Version 1 has the same numbers in cpu.cfs_quota_us and cpu.cfs_period_us.
double parse_cpu_max(std::string_view text) noexcept;

}  // namespace lathe
