// Probes: what they count must be what they did, in every tier that this CPU has.
#include "runtime/machine/probes.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include "kernels/tiers.h"

namespace lathe {
namespace {

class ProbesOfTier : public testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (!select_kernels(GetParam(), &kernels_)) GTEST_SKIP() << "this CPU lacks " << GetParam();
  }
  KernelTable kernels_;
};

std::vector<std::string> tier_names() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < tier_count(); ++i) names.emplace_back(tier(i).name);
  return names;
}

TEST_P(ProbesOfTier, WorkGrowsWithIterations) {
  for (const PeakProbeFn probe : {kernels_.probe_int8, kernels_.probe_fma, kernels_.probe_bf16}) {
    if (probe == nullptr) continue;
    float sink = 0;
    const double once = probe(1, &sink);
    EXPECT_GT(once, 0);
    EXPECT_EQ(probe(1000, &sink), 1000 * once);
  }
  EXPECT_NE(kernels_.probe_int8, nullptr);
  EXPECT_NE(kernels_.probe_fma, nullptr);
}

TEST_P(ProbesOfTier, ReadSeesEveryWord) {
  std::vector<unsigned char> data(4096, 0);
  float nothing = -1;
  EXPECT_EQ(kernels_.probe_read(data.data(), data.size(), &nothing), 4096.0);
  EXPECT_EQ(nothing, 0.0f);
  for (std::size_t i = 0; i < data.size(); i += 16) {
    data[i] = 1;
    float sink = 0;
    kernels_.probe_read(data.data(), data.size(), &sink);
    EXPECT_NE(sink, 0.0f) << "byte " << i << " was not read";
    data[i] = 0;
  }
  float sink = 0;
  EXPECT_EQ(kernels_.probe_read(data.data(), 0, &sink), 0.0);
}

TEST_P(ProbesOfTier, RatesAreFiniteAndPositive) {
  ThreadPool pool({.n_threads = 2});
  const PeakRates rates = measure_peaks(pool, kernels_, 0.02);
  EXPECT_GT(rates.int8, 1e6);
  EXPECT_GT(rates.fma, 1e6);
  EXPECT_EQ(rates.bf16 > 0, kernels_.probe_bf16 != nullptr);
}

INSTANTIATE_TEST_SUITE_P(AllTiers, ProbesOfTier, testing::ValuesIn(tier_names()),
                         [](const auto& test) { return test.param; });

TEST(PeakRate, NullProbeIsZero) {
  ThreadPool pool({.n_threads = 1});
  EXPECT_EQ(peak_rate(pool, nullptr, 1.0), 0.0);
}

TEST(Bandwidth, IsMeasuredInTime) {
  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  ThreadPool pool({.n_threads = 2});
  BandwidthProbe probe(pool, kernels, std::size_t{32} << 20);
  EXPECT_EQ(probe.bytes(), std::size_t{32} << 20);
  const auto start = std::chrono::steady_clock::now();
  const double rate = probe.measure(0.05);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_GT(rate, 1e7);
  EXPECT_LT(rate, 1e14);
}

TEST(Bandwidth, BufferIsWellBeyondTheCaches) {
  Topology topology = synthetic_topology("package:1 l3:1(size=260000000) core:2 pu:1");
  const std::size_t bytes = dram_probe_bytes(topology);
  EXPECT_GE(bytes, std::size_t{1} << 20);
  EXPECT_LE(bytes, 4 * topology.last_level_bytes());
  topology.caches.clear();
  EXPECT_LE(dram_probe_bytes(topology), std::size_t{512} << 20);
}

}  // namespace
}  // namespace lathe
