// Paired tests against counts that can be done by hand, and against simulation.
#include "quant/eval/paired_tests.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace lathe {
namespace {

TEST(McNemar, CountsOnlyWhereTheModelsDiffer) {
  const std::vector<bool> a = {true, true, false, false, true};
  const std::vector<bool> b = {true, false, true, false, false};
  const Discordant d = count_discordant(a, b);
  EXPECT_EQ(d.only_a, 2u);
  EXPECT_EQ(d.only_b, 1u);
}

TEST(McNemar, IsTheExactBinomialTest) {
  EXPECT_EQ(mcnemar_p({0, 0}), 1.0);
  EXPECT_EQ(mcnemar_p({3, 3}), 1.0);
  EXPECT_NEAR(mcnemar_p({0, 5}), 2.0 / 32, 1e-15);
  EXPECT_NEAR(mcnemar_p({1, 7}), 2.0 * (1 + 8) / 256, 1e-15);
  EXPECT_NEAR(mcnemar_p({10, 3}), 2.0 * (1 + 13 + 78 + 286) / 8192, 1e-15);
  EXPECT_EQ(mcnemar_p({7, 1}), mcnemar_p({1, 7}));
}

// With many tasks it is the normal approximation.
TEST(McNemar, HoldsForThousandsOfTasks) {
  const double z = (2300.0 - 2200.0 - 1.0) / std::sqrt(4500.0);  // with continuity correction
  EXPECT_NEAR(mcnemar_p({2200, 2300}), std::erfc(z / std::sqrt(2.0)), 1e-4);
  EXPECT_LT(mcnemar_p({100, 4000}), 1e-300);
}

// Two models that share the difficulty of each chunk: paired, a small difference shows; the
// intervals of each alone overlap by far.
TEST(PairedBootstrap, SeesWhatSharedDifficultyHides) {
  std::mt19937 random(1);
  std::normal_distribution<double> difficulty(4.0, 0.5), noise(0.0, 0.01);
  std::vector<double> a(60), b(60), c(60);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = difficulty(random);
    a[i] = d + noise(random);
    b[i] = d + 0.01 + noise(random);
    c[i] = d + noise(random);
  }
  const PairedDifference ab = paired_bootstrap(a, b), ac = paired_bootstrap(a, c);
  EXPECT_FALSE(ab.noise());
  EXPECT_NEAR(ab.mean, 0.01, 0.005);
  EXPECT_TRUE(ac.noise());
  EXPECT_GT(block_bootstrap(a).high, block_bootstrap(b).low);
}

// Of experiments without a difference, 5 % are called one.
TEST(PairedBootstrap, ItsIntervalsHoldTheTruth) {
  std::mt19937 random(2);
  std::normal_distribution<double> noise(0.0, 1.0);
  int n_wrong = 0;
  for (int trial = 0; trial < 400; ++trial) {
    std::vector<double> a(80), b(80);
    for (std::size_t i = 0; i < a.size(); ++i) {
      a[i] = noise(random);
      b[i] = noise(random);
    }
    if (!paired_bootstrap(a, b, {.n_resamples = 400}).noise()) ++n_wrong;
  }
  EXPECT_GT(n_wrong, 6);
  EXPECT_LT(n_wrong, 40);
}

}  // namespace
}  // namespace lathe
