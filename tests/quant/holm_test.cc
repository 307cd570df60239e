// Many comparisons at once.
#include "quant/eval/holm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

namespace lathe {
namespace {

TEST(Holm, MultipliesByWhatIsLeft) {
  const std::vector<double> adjusted = holm_adjusted(std::vector<double>{0.01, 0.04, 0.03, 0.005});
  const std::vector<double> expected = {0.03, 0.06, 0.06, 0.02};
  EXPECT_THAT(adjusted, testing::Pointwise(testing::DoubleNear(1e-15), expected));
}

TEST(Holm, OneTestStaysAsItIsAndNoneExceedsOne) {
  EXPECT_EQ(holm_adjusted(std::vector<double>{0.04}), std::vector<double>{0.04});
  EXPECT_EQ(holm_adjusted(std::vector<double>{0.6, 0.7}), (std::vector<double>{1.0, 1.0}));
  EXPECT_EQ(holm_adjusted(std::vector<double>{0.02, 0.02}), (std::vector<double>{0.04, 0.04}));
  EXPECT_TRUE(holm_adjusted({}).empty());
}

// Of reports with twelve comparisons and no difference, 5 % mark one; not adjusted, 46 % would.
TEST(Holm, ItsFamiliesRaiseFewFalseAlarms) {
  std::mt19937 random(1);
  std::uniform_real_distribution<double> p_of_luck;
  int n_adjusted = 0, n_raw = 0;
  constexpr int kTrials = 4000;
  for (int i = 0; i < kTrials; ++i) {
    std::vector<double> p(12);
    for (double& v : p) v = p_of_luck(random);
    const auto least = [](const std::vector<double>& v) {
      return *std::min_element(v.begin(), v.end());
    };
    n_raw += least(p) < 0.05 ? 1 : 0;
    n_adjusted += least(holm_adjusted(p)) < 0.05 ? 1 : 0;
  }
  EXPECT_NEAR(n_raw / double{kTrials}, 0.46, 0.02);
  EXPECT_NEAR(n_adjusted / double{kTrials}, 0.05, 0.01);
}

}  // namespace
}  // namespace lathe
