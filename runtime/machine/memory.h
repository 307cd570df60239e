// How much memory this process may use: the machine's, or the limit of the control group that it
// runs in (containers, systemd slices), whichever is less.
#pragma once

#include <cstdint>
#include <string>

namespace lathe {

struct MemoryInfo {
  std::uint64_t total = 0;      // bytes: of the machine, or the limit of the group
  std::uint64_t available = 0;  // of those, bytes free or taken by files that can be read again
};

// What work on the tokens of a text holds at most, in bytes.
struct MemoryNeed {
  std::uint64_t tokens = 0;  // hidden states and inputs: in files where there is a folder for them
  std::uint64_t matrices = 0;  // what is worked out of them, however many tokens there are
};

// `root` stands for "/" (tests bring a tree of their own): proc/meminfo, proc/self/cgroup,
// sys/fs/cgroup of either version. What cannot be read is left out; all zero when nothing can.
MemoryInfo memory_info(const std::string& root = "/");

}  // namespace lathe
