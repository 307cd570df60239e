// Placement on machines that are not at hand: hwloc's synthetic topologies.
#include "runtime/machine/placement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "runtime/base/error.h"
#include "runtime/machine/affinity.h"
#include "runtime/machine/numa.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {
namespace {

using Kind = MemoryPolicy::Kind;
using testing::ElementsAre;

constexpr char kOneSocketSmt[] = "package:1 core:4 pu:2";
constexpr char kTwoSockets[] = "package:2 numa:1 core:4 pu:2";

TEST(Topology, CountsCoresNotHardwareThreads) {
  const Topology t = synthetic_topology(kOneSocketSmt);
  EXPECT_EQ(t.cores.size(), 4u);
  EXPECT_EQ(t.n_cpus(), 8);
  EXPECT_EQ(t.n_packages, 1);
  EXPECT_EQ(t.nodes.size(), 1u);
  EXPECT_EQ(t.n_kinds(), 1);
  EXPECT_FALSE(t.is_this_machine);
  EXPECT_THAT(t.cores[1].cpus, ElementsAre(2, 3));
}

TEST(Topology, SeesSocketsNodesAndCaches) {
  const Topology t =
      synthetic_topology("package:2 numa:1 l3:1(size=32MB) core:4 l2:1(size=1MB) pu:1");
  EXPECT_EQ(t.n_packages, 2);
  EXPECT_EQ(t.nodes.size(), 2u);
  EXPECT_EQ(t.cores[0].node, 0);
  EXPECT_EQ(t.cores[7].node, 1);
  EXPECT_EQ(t.cores[7].package, 1);
  ASSERT_FALSE(t.caches.empty());
  EXPECT_EQ(t.caches.back().name, "L3");
  EXPECT_EQ(t.last_level_bytes(), 64000000u);
}

TEST(Topology, PutsFastCoresFirst) {
  // Eight cores; the machine numbers its slow ones first.
  const Topology t = synthetic_topology("package:1 core:8 pu:1", {0, 1, 2, 3});
  ASSERT_EQ(t.n_kinds(), 2);
  EXPECT_THAT(t.cores[0].cpus, ElementsAre(4));
  EXPECT_EQ(t.cores[0].kind, 0);
  EXPECT_THAT(t.cores[7].cpus, ElementsAre(3));
  EXPECT_EQ(t.cores[7].kind, 1);
}

TEST(Topology, RefusesNonsense) { EXPECT_THROW(synthetic_topology("cabbage:x"), Error); }

TEST(Topology, ThisMachineHasUsableCores) {
  const Topology t = read_topology();
  ASSERT_FALSE(t.cores.empty());
  const std::vector<int> usable = process_cpus();
  std::set<int> seen;
  for (const Core& core : t.cores) {
    for (const int cpu : core.cpus) {
      EXPECT_TRUE(seen.insert(cpu).second) << "CPU " << cpu << " is in two cores";
      if (t.is_this_machine) {
        EXPECT_THAT(usable, testing::Contains(cpu));
      }
    }
  }
  EXPECT_FALSE(t.cpu_model.empty());
}

TEST(DefaultThreads, OnePerPhysicalCoreOfTheFastestKind) {
  EXPECT_EQ(default_thread_count(synthetic_topology(kOneSocketSmt)), 4);
  EXPECT_EQ(default_thread_count(synthetic_topology(kTwoSockets)), 8);
  EXPECT_EQ(default_thread_count(synthetic_topology("package:1 core:8 pu:1", {4, 5, 6, 7})), 4);
}

TEST(DefaultThreads, RespectsTheGroupsShareOfTime) {
  Topology t = synthetic_topology(kTwoSockets);
  t.cpu_quota = 2.5;
  EXPECT_EQ(default_thread_count(t), 2);
  t.cpu_quota = 0.5;
  EXPECT_EQ(default_thread_count(t), 1);
  EXPECT_TRUE(place_threads(t, 2).crowded);
}

TEST(Placement, GivesEachThreadACoreOfItsOwn) {
  const ThreadPlacement p = place_threads(synthetic_topology(kOneSocketSmt), 4);
  EXPECT_THAT(p.cpus, ElementsAre(ElementsAre(0, 1), ElementsAre(2, 3), ElementsAre(4, 5),
                                  ElementsAre(6, 7)));
  EXPECT_EQ(p.memory.kind, Kind::kNone);
  EXPECT_FALSE(p.crowded);
}

TEST(Placement, TheCallerKeepsWhatNobodyElseHas) {
  const Topology t = synthetic_topology(kOneSocketSmt);
  EXPECT_THAT(place_threads(t, 2).cpus,
              ElementsAre(ElementsAre(0, 1, 4, 5, 6, 7), ElementsAre(2, 3)));
  EXPECT_THAT(place_threads(t, 1).cpus, ElementsAre(ElementsAre(0, 1, 2, 3, 4, 5, 6, 7)));
}

TEST(Placement, MoreThreadsThanCoresShareCores) {
  const ThreadPlacement p = place_threads(synthetic_topology(kOneSocketSmt), 6);
  EXPECT_THAT(p.cpus, ElementsAre(ElementsAre(0, 5, 7), ElementsAre(2), ElementsAre(4),
                                  ElementsAre(6), ElementsAre(1), ElementsAre(3)));
  EXPECT_FALSE(p.crowded);
}

TEST(Placement, MoreThreadsThanCpusAreNotBound) {
  const ThreadPlacement p = place_threads(synthetic_topology(kOneSocketSmt), 9);
  ASSERT_EQ(p.cpus.size(), 9u);
  for (const auto& cpus : p.cpus) EXPECT_TRUE(cpus.empty());
  EXPECT_TRUE(p.crowded);
}

TEST(Placement, FastCoresGoFirst) {
  const Topology t = synthetic_topology("package:1 core:8 pu:1", {0, 1, 2, 3});
  EXPECT_THAT(place_threads(t, 3).cpus,
              ElementsAre(ElementsAre(4, 7), ElementsAre(5), ElementsAre(6)));
  const ThreadPlacement all = place_threads(t, 6);
  EXPECT_THAT(all.cpus[5], ElementsAre(1));
}

TEST(Numa, ThreadsThatFitOneNodeStayThere) {
  const ThreadPlacement p = place_threads(synthetic_topology(kTwoSockets), 4);
  for (const auto& cpus : p.cpus) {
    for (const int cpu : cpus) EXPECT_LT(cpu, 8);
  }
  EXPECT_EQ(p.memory, (MemoryPolicy{Kind::kPrefer, {0}}));
}

TEST(Numa, ThreadsOnBothNodesInterleave) {
  const ThreadPlacement p = place_threads(synthetic_topology(kTwoSockets), 8);
  EXPECT_EQ(p.memory, (MemoryPolicy{Kind::kInterleave, {0, 1}}));
  EXPECT_THAT(p.cpus[3], ElementsAre(6, 7));
  EXPECT_THAT(p.cpus[4], ElementsAre(8, 9));
}

TEST(Numa, NeighbouringThreadsShareANode) {
  // More threads than cores: the second hardware threads come in, still grouped by node.
  const ThreadPlacement p = place_threads(synthetic_topology(kTwoSockets), 16);
  for (std::size_t i = 1; i < 8; ++i) EXPECT_LT(p.cpus[i][0], 8);
  for (std::size_t i = 8; i < 16; ++i) EXPECT_GE(p.cpus[i][0], 8);
}

TEST(Numa, NodesWithinASocketCountToo) {
  const ThreadPlacement p = place_threads(synthetic_topology("package:1 numa:4 core:2 pu:1"), 8);
  EXPECT_EQ(p.memory, (MemoryPolicy{Kind::kInterleave, {0, 1, 2, 3}}));
}

TEST(Numa, PolicyIsTakenBack) {
  // Node 0 exists everywhere; a system that refuses leaves the policy inactive, which is fine too.
  for (int i = 0; i < 3; ++i) {
    const ScopedMemoryPolicy policy({Kind::kPrefer, {0}});
    const ScopedMemoryPolicy none({});
    EXPECT_FALSE(none.active());
  }
  const ScopedMemoryPolicy absent({Kind::kInterleave, {1023}});
  EXPECT_FALSE(absent.active());
}

TEST(Affinity, PoolsGiveTheirCallersCpusBack) {
  const std::vector<int> before = thread_cpus();
  const std::vector<int> all = process_cpus();
  {
    const ThreadPool first({.n_threads = 1});
    const ThreadPool second;
    if (read_topology().nodes.size() == 1 && read_topology().n_kinds() == 1) {
      EXPECT_EQ(process_cpus(), all);
    }
  }
  EXPECT_EQ(thread_cpus(), before);
}

TEST(Affinity, WorkersRunWhereTheyWerePut) {
  const Topology topology = read_topology();
  const ThreadPlacement placement = place_threads(topology, 2);
  if (placement.cpus[1].empty() || !topology.is_this_machine) GTEST_SKIP() << "one CPU only";
  ThreadPool pool({.n_threads = 2, .topology = &topology});
  std::vector<std::vector<int>> seen(2);
  pool.run([&](int t) noexcept { seen[static_cast<std::size_t>(t)] = thread_cpus(); });
  EXPECT_EQ(seen, placement.cpus);
}

TEST(Affinity, UnpinnedPoolsBindNothing) {
  const std::vector<int> before = thread_cpus();
  ThreadPool pool({.n_threads = 2, .pin = false});
  std::vector<std::vector<int>> seen(2);
  pool.run([&](int t) noexcept { seen[static_cast<std::size_t>(t)] = thread_cpus(); });
  EXPECT_EQ(seen[0], before);
  EXPECT_EQ(seen[1], before);
}

}  // namespace
}  // namespace lathe
