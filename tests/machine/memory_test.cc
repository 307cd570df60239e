// Limits of memory as both versions of control groups state them, from trees made here.
#include "runtime/machine/memory.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

constexpr std::uint64_t kMega = 1 << 20;

class Memory : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = std::filesystem::path(dir_.file("")) / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void machine(const std::string& groups) {
    write("proc/meminfo", "MemTotal:  8388608 kB\nMemFree: 1 kB\nMemAvailable:  4194304 kB\n");
    write("proc/self/cgroup", groups);
  }
  MemoryInfo info() { return memory_info(dir_.file("")); }

  TempDir dir_;
};

TEST_F(Memory, WithoutALimitIsTheMachines) {
  machine("0::/user.slice\n");
  write("sys/fs/cgroup/user.slice/memory.max", "max\n");
  EXPECT_EQ(info().total, 8192 * kMega);
  EXPECT_EQ(info().available, 4096 * kMega);
}

TEST_F(Memory, TheLimitOfTheGroupCountsFilesAsFree) {
  machine("0::/a/b\n");
  write("sys/fs/cgroup/a/b/memory.max", std::to_string(1000 * kMega));
  write("sys/fs/cgroup/a/b/memory.current", std::to_string(700 * kMega));
  write("sys/fs/cgroup/a/b/memory.stat", "anon 1\nactive_file " + std::to_string(100 * kMega) +
                                             "\ninactive_file " + std::to_string(400 * kMega) +
                                             "\n");
  EXPECT_EQ(info().total, 1000 * kMega);
  EXPECT_EQ(info().available, 800 * kMega);  // 200 MB are taken by more than files
}

TEST_F(Memory, AnOuterGroupMayBeTighter) {
  machine("0::/a/b\n");
  write("sys/fs/cgroup/a/b/memory.max", std::to_string(1000 * kMega));
  write("sys/fs/cgroup/a/b/memory.current", "0");
  write("sys/fs/cgroup/a/memory.max", std::to_string(300 * kMega));
  write("sys/fs/cgroup/a/memory.current", std::to_string(100 * kMega));
  EXPECT_EQ(info().total, 300 * kMega);
  EXPECT_EQ(info().available, 200 * kMega);
}

// An outer group with a larger limit counts too: others may have taken most of it.
TEST_F(Memory, AnOuterGroupMayBeFuller) {
  machine("0::/a/b\n");
  write("sys/fs/cgroup/a/b/memory.max", std::to_string(1000 * kMega));
  write("sys/fs/cgroup/a/b/memory.current", "0");
  write("sys/fs/cgroup/a/memory.max", std::to_string(2000 * kMega));
  write("sys/fs/cgroup/a/memory.current", std::to_string(1900 * kMega));
  EXPECT_EQ(info().total, 1000 * kMega);
  EXPECT_EQ(info().available, 100 * kMega);
}

TEST_F(Memory, VersionOneHasOtherNames) {
  machine("7:cpu,cpuacct:/x\n4:memory:/y\n0::/\n");
  write("sys/fs/cgroup/memory/y/memory.limit_in_bytes", std::to_string(500 * kMega));
  write("sys/fs/cgroup/memory/y/memory.usage_in_bytes", std::to_string(400 * kMega));
  write("sys/fs/cgroup/memory/y/memory.stat",
        "total_inactive_file " + std::to_string(250 * kMega) + "\ninactive_file 1\n");
  EXPECT_EQ(info().total, 500 * kMega);
  EXPECT_EQ(info().available, 350 * kMega);
}

TEST_F(Memory, NothingToReadIsZero) {
  EXPECT_EQ(info().total, 0u);
  EXPECT_EQ(info().available, 0u);
}

TEST(MemoryHere, IsKnown) {
  EXPECT_GT(memory_info().total, 100 * kMega);
  EXPECT_GT(memory_info().available, 0u);
  EXPECT_LE(memory_info().available, memory_info().total);
}

}  // namespace
}  // namespace lathe
