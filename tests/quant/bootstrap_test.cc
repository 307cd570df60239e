// Intervals by resampling, against what theory says of simple samples.
#include "quant/eval/bootstrap.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace lathe {
namespace {

// The mean of n values of a normal distribution: percentiles at 1.96 standard errors.
TEST(Bootstrap, EqualsTheNormalIntervalOfAMean) {
  std::mt19937 random(3);
  std::normal_distribution<double> normal(5.0, 2.0);
  std::vector<double> x(400);
  for (double& v : x) v = normal(random);
  double mean = 0.0, variance = 0.0;
  for (const double v : x) mean += v / 400.0;
  for (const double v : x) variance += (v - mean) * (v - mean) / 400.0;
  const double se = std::sqrt(variance / 400.0);
  const Interval i = block_bootstrap(x, {}, {.n_resamples = 20000});
  EXPECT_NEAR(i.low, mean - 1.96 * se, 0.06 * se);
  EXPECT_NEAR(i.high, mean + 1.96 * se, 0.06 * se);
  const Interval narrow = block_bootstrap(x, {}, {.n_resamples = 20000, .confidence = 0.6827});
  EXPECT_NEAR(narrow.high - narrow.low, 2.0 * se, 0.1 * se);
}

// Two blocks: the resampled means are a, (a + b) / 2 and b with chances 1/4, 1/2, 1/4.
TEST(Bootstrap, DrawsWholeBlocksWithReplacement) {
  const std::vector<double> x = {1.0, 3.0};
  const Interval wide = block_bootstrap(x, {});
  EXPECT_EQ(wide.low, 1.0);
  EXPECT_EQ(wide.high, 3.0);
  const Interval half = block_bootstrap(x, {}, {.confidence = 0.4});
  EXPECT_EQ(half.low, 2.0);
  EXPECT_EQ(half.high, 2.0);
}

TEST(Bootstrap, TransformsAndRepeats) {
  const std::vector<double> x = {1.0, 1.5, 2.0, 0.5};
  const Interval plain = block_bootstrap(x);
  const Interval exps =
      block_bootstrap(x, [](double v) { return std::exp(v); }, {.n_resamples = 2001});
  EXPECT_LT(exps.low, std::exp(1.25));
  EXPECT_GT(exps.high, std::exp(1.25));
  EXPECT_EQ(block_bootstrap(x).low, plain.low);
  EXPECT_EQ(block_bootstrap(x).high, plain.high);
  EXPECT_NE(block_bootstrap(x, {}, {.n_resamples = 11, .seed = 2}).low,
            block_bootstrap(x, {}, {.n_resamples = 11, .seed = 3}).low);
}

TEST(Bootstrap, OneBlockSaysNothing) {
  EXPECT_EQ(block_bootstrap(std::vector<double>{2.0}).low, 2.0);
  EXPECT_EQ(block_bootstrap(std::vector<double>{2.0}).high, 2.0);
  EXPECT_EQ(block_bootstrap({}).high, 0.0);
}

}  // namespace
}  // namespace lathe
