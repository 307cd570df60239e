// Shares of CPU time as both versions of control groups grant them, from trees made here.
#include "runtime/machine/cgroup.h"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

TEST(Affinity, ReadsGroupLimits) {
  EXPECT_DOUBLE_EQ(parse_cpu_max("200000 100000"), 2.0);
  EXPECT_DOUBLE_EQ(parse_cpu_max("50000 100000"), 0.5);
  EXPECT_DOUBLE_EQ(parse_cpu_max("max 100000"), 0.0);
  EXPECT_DOUBLE_EQ(parse_cpu_max(""), 0.0);
  EXPECT_DOUBLE_EQ(parse_cpu_max("200000"), 0.0);
  EXPECT_DOUBLE_EQ(parse_cpu_max("200000 0"), 0.0);
}

class CpuQuota : public testing::Test {
 protected:
  void write(const std::string& path, const std::string& text) {
    const std::filesystem::path file = std::filesystem::path(dir_.file("")) / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void v1(const std::string& folder, const char* quota, const char* period = "100000\n") {
    write("sys/fs/cgroup/" + folder + "/cpu.cfs_quota_us", quota);
    write("sys/fs/cgroup/" + folder + "/cpu.cfs_period_us", period);
  }
  double quota() { return cgroup_cpu_quota(dir_.file("")); }

  TempDir dir_;
};

TEST_F(CpuQuota, VersionTwoTakesTheLeastOfNestedGroups) {
  write("proc/self/cgroup", "0::/a/b\n");
  EXPECT_EQ(quota(), 0);
  write("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), 0);
  write("sys/fs/cgroup/a/cpu.max", "350000 100000\n");
  EXPECT_EQ(quota(), 3.5);
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2);
}

TEST_F(CpuQuota, VersionOneToo) {
  write("proc/self/cgroup", "5:memory:/m\n4:cpu,cpuacct:/a/b\n1:name=systemd:/a/b\n0::/\n");
  v1("cpu,cpuacct/a/b", "-1\n");
  EXPECT_EQ(quota(), 0);
  v1("cpu,cpuacct/a", "400000\n");
  EXPECT_EQ(quota(), 4);
  v1("cpu,cpuacct/a/b", "75000\n", "50000\n");
  EXPECT_EQ(quota(), 1.5);
  v1("memory/m", "10000\n");  // where no CPU is granted
  EXPECT_EQ(quota(), 1.5);
}

// Docker shows the host's path of the group, and mounts the group itself.
TEST_F(CpuQuota, InAContainerTheMountIsTheGroup) {
  write("proc/self/cgroup", "4:cpuacct,cpu:/docker/0123\n");
  v1("cpu", "250000\n");
  EXPECT_EQ(quota(), 2.5);
}

TEST_F(CpuQuota, NothingToReadIsNoLimit) {
  EXPECT_EQ(quota(), 0);
  write("proc/self/cgroup", "nonsense\n4:cpu\n::\n4:cpu:\n");
  v1("cpu", "many\n");
  EXPECT_EQ(quota(), 0);
}

}  // namespace
}  // namespace lathe
