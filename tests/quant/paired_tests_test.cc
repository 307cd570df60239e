// Paired tests against counts that can be done by hand; their false alarms: coverage_test.cc.
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

TEST(McNemar, IntervalsOfTheDifferenceHaveAWidth) {
  // Bonett & Price's formula by hand: (8 + 1) and (0 + 1) of 102.
  const Interval i = share_difference_interval({0, 8}, 100);
  const double a = 1.0 / 102, b = 9.0 / 102;
  const double half = kZ95 * std::sqrt((a + b - (b - a) * (b - a)) / 102);
  EXPECT_NEAR(i.low, b - a - half, 1e-15);
  EXPECT_NEAR(i.high, b - a + half, 1e-15);
  const Interval equal = share_difference_interval({0, 0}, 20);
  EXPECT_LT(equal.low, -0.05);
  EXPECT_EQ(equal.low, -equal.high);
}

// All patterns of signs, one by one.
double plain_sign_flip_p(const std::vector<double>& x) {
  double seen = 0.0;
  for (const double v : x) seen += v;
  const std::size_t n_patterns = std::size_t{1} << x.size();
  std::size_t n_reaching = 0;
  for (std::size_t pattern = 0; pattern < n_patterns; ++pattern) {
    double sum = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += pattern >> i & 1 ? -x[i] : x[i];
    n_reaching += std::abs(sum) >= std::abs(seen) - 1e-12 ? 1 : 0;
  }
  return static_cast<double>(n_reaching) / static_cast<double>(n_patterns);
}

TEST(SignFlip, CountsEveryPattern) {
  EXPECT_EQ(sign_flip_p({}), 1.0);
  EXPECT_EQ(sign_flip_p(std::vector<double>{3.0}), 1.0);
  EXPECT_EQ(sign_flip_p(std::vector<double>{1.0, 2.0}), 0.5);
  EXPECT_EQ(sign_flip_p(std::vector<double>(6, 0.25)), 2.0 / 64);
  EXPECT_EQ(sign_flip_p(std::vector<double>(6, -0.1)), 2.0 / 64);
  EXPECT_EQ(sign_flip_p(std::vector<double>{1.0, -1.0, 0.0}), 1.0);
  EXPECT_EQ(sign_flip_p(std::vector<double>(10, 0.0)), 1.0);
  std::mt19937 random(4);
  std::normal_distribution<double> normal(0.3, 1.0);
  std::uniform_int_distribution<int> small(-2, 3);  // many ties
  for (std::size_t n = 1; n <= 10; ++n) {
    for (int trial = 0; trial < 20; ++trial) {
      std::vector<double> x(n), ties(n);
      for (double& v : x) v = normal(random);
      for (double& v : ties) v = 0.1 * small(random);
      EXPECT_EQ(sign_flip_p(x), plain_sign_flip_p(x)) << n;
      EXPECT_EQ(sign_flip_p(ties), plain_sign_flip_p(ties)) << n;
      EXPECT_GE(sign_flip_p(x), least_sign_flip_p(n)) << n;
    }
  }
}

// Of more than ten chunks, neighbours flip together.
TEST(SignFlip, FlipsNeighboursTogether) {
  std::mt19937 random(5);
  std::normal_distribution<double> normal(0.3, 1.0);
  std::vector<double> x(20), pairs(10);
  for (std::size_t i = 0; i < x.size(); ++i) {
    x[i] = normal(random);
    pairs[i / 2] += x[i];
  }
  EXPECT_EQ(sign_flip_p(x), plain_sign_flip_p(pairs));
  EXPECT_EQ(least_sign_flip_p(20), 2.0 / 1024);
  EXPECT_EQ(sign_flip_p(std::vector<double>(655, 1.0)), std::ldexp(2.0, -30));
  EXPECT_EQ(least_sign_flip_p(655), std::ldexp(2.0, -30));
}

// Two models that share the difficulty of each chunk: paired, a small difference shows; the
// intervals of each alone overlap by far.
TEST(PairedDifference, SeesWhatSharedDifficultyHides) {
  std::mt19937 random(1);
  std::normal_distribution<double> difficulty(4.0, 0.5), noise(0.0, 0.01);
  std::vector<double> a(60), b(60), c(60);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = difficulty(random);
    a[i] = d + noise(random);
    b[i] = d + 0.01 + noise(random);
    c[i] = d + noise(random);
  }
  const PairedDifference ab = paired_difference(a, b), ac = paired_difference(a, c);
  EXPECT_LT(ab.p, 1e-3);
  EXPECT_FALSE(ab.interval->contains(0.0));
  EXPECT_NEAR(ab.mean, 0.01, 0.005);
  EXPECT_GT(ac.p, kSignificance);
  EXPECT_GT(mean_interval(a)->high, mean_interval(b)->low);
}

}  // namespace
}  // namespace lathe
