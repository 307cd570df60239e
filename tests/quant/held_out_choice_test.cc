// Settings of rounding that held-out tokens choose: what is better is taken, a tie changes nothing.
#include "quant/calibrate/held_out_choice.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/tiers.h"
#include "quant/calibrate/conditioned.h"

namespace lathe {
namespace {

constexpr std::size_t kRows = 8, kCols = 64;
constexpr Format kFormat = Format::Q8_0;

class HeldOutChoice : public testing::Test {
 protected:
  HeldOutChoice()
      : pool_({.n_threads = 1, .pin = false}), weights_(kRows, kCols), step_(kRows, kCols) {
    select_kernels("", &kernels_);
    for (std::size_t i = 0; i < kRows; ++i) {
      for (std::size_t j = 0; j < kCols; ++j) {
        weights_.row(i)[j] = std::sin(static_cast<float>(3 * i + 7 * j));
        step_.row(i)[j] = 0.3f * std::cos(static_cast<float>(5 * i + 2 * j));
      }
    }
    DenseMatrix<float> h(kCols, kCols);
    for (std::size_t i = 0; i < kCols; ++i) {
      for (std::size_t j = 0; j < kCols; ++j) {
        const auto apart = static_cast<float>(i > j ? i - j : j - i);
        h.row(i)[j] = std::exp(-0.2f * apart);
      }
    }
    metric_.h = conditioned(std::move(h), settings_.damping, settings_.shrinkage);
    before_ = DenseMatrix<float>::copy_of(metric_.h.cview());
  }

  // The sum of squares by which what the blocks say differs from weights + share * step.
  double distance(const std::uint8_t* blocks, float share) const {
    std::vector<float> row(kCols);
    double sum = 0.0;
    for (std::size_t i = 0; i < kRows; ++i) {
      kernels_.decode[index_of(kFormat)](blocks + i * row_bytes(kFormat, kCols), kCols, row.data());
      for (std::size_t j = 0; j < kCols; ++j) {
        const double apart = weights_.row(i)[j] + share * step_.row(i)[j] - row[j];
        sum += apart * apart;
      }
    }
    return sum;
  }

  CalibrationSettings choose(std::function<double(const std::uint8_t*)> loss) {
    return chosen_settings({weights_.cview(), step_.cview(), std::move(loss)}, kFormat, settings_,
                           kernels_, pool_, metric_);
  }

  // The off-diagonal of the metric, as a share of what it was.
  double off_diagonal() const { return metric_.h.row(3)[4] / before_.row(3)[4]; }

  KernelTable kernels_;
  ThreadPool pool_;
  CalibrationSettings settings_;
  DenseMatrix<float> weights_, step_, before_;
  RoundingMetric metric_;
};

TEST_F(HeldOutChoice, TakesTheCorrectionThatCostsLeast) {
  for (const float best : {0.5f, 0.75f, 1.0f}) {
    const auto chosen = choose([&](const std::uint8_t* b) { return distance(b, best); });
    EXPECT_EQ(chosen.correction, best);
  }
}

TEST_F(HeldOutChoice, ChangesNothingOnATie) {
  int n = 0;
  const auto chosen = choose([&](const std::uint8_t*) {
    ++n;
    return 5.0;
  });
  EXPECT_EQ(n, 4) << "the settings' own, more shrinkage, and two other corrections";
  EXPECT_EQ(chosen.correction, settings_.correction);
  EXPECT_EQ(chosen.shrinkage, settings_.shrinkage);
  EXPECT_NEAR(off_diagonal(), 1.0, 1e-6);
  EXPECT_EQ(metric_.h.row(5)[5], before_.row(5)[5]);
}

// The second call is that of a shrinkage of 0.4.
TEST_F(HeldOutChoice, TakesMoreShrinkageWhereThatCostsLess) {
  settings_.choose_correction = false;
  int n = 0;
  const auto chosen = choose([&](const std::uint8_t*) { return ++n == 2 ? 4.0 : 5.0; });
  EXPECT_EQ(chosen.shrinkage, 0.4f);
  EXPECT_EQ(n, 2) << "no less is tried";
  EXPECT_NEAR(off_diagonal(), 0.6 / 0.8, 1e-6);
  const RoundingFactor of_it(pool_, metric_.h.cview());
  EXPECT_TRUE(std::ranges::equal(metric_.factor->weights(), of_it.weights()));
}

TEST_F(HeldOutChoice, LeavesWhatIsSaid) {
  settings_.choose_correction = settings_.choose_shrinkage = false;
  settings_.correction = 0.6f;
  int n = 0;
  const auto chosen = choose([&](const std::uint8_t*) { return 5.0 - ++n; });
  EXPECT_EQ(n, 1);
  EXPECT_EQ(chosen.correction, 0.6f);
  EXPECT_EQ(chosen.shrinkage, settings_.shrinkage);
}

}  // namespace
}  // namespace lathe
