// The factor and the recursion of calibrated rounding against slow double-precision definitions.
#include "quant/calibrate/rounding/rounding_factor.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "runtime/base/error.h"
#include "tests/support/rounding_case.h"

namespace lathe {
namespace {

using test::correlated;
using test::cost;
using test::cost_of_blocks;
using test::decoded;
using test::identity;
using test::plain;
using test::random_rows;
using test::rounded;
using test::Rows;
using test::Square;

// What the errors of columns before `j` (in the order) ask of it, and what a miss there costs: by
// minimising e H e^T over it and all columns behind. Gauss elimination.
struct Slow {
  std::vector<double> feedback;  // of each column before
  double weight;
};
Slow slow_feedback(const Square& h, std::span<const std::uint32_t> order, std::size_t j) {
  const std::size_t m = h.n - j;
  std::vector<double> a(m * m), x(m, 0.0);
  for (std::size_t p = 0; p < m; ++p) {
    for (std::size_t q = 0; q < m; ++q) a[p * m + q] = h.at(order[j + p], order[j + q]);
  }
  x[0] = 1.0;
  for (std::size_t p = 0; p < m; ++p) {
    for (std::size_t i = p + 1; i < m; ++i) {
      const double by = a[i * m + p] / a[p * m + p];
      for (std::size_t q = p; q < m; ++q) a[i * m + q] -= by * a[p * m + q];
      x[i] -= by * x[p];
    }
  }
  for (std::size_t p = m; p-- > 0;) {
    for (std::size_t q = p + 1; q < m; ++q) x[p] -= a[p * m + q] * x[q];
    x[p] /= a[p * m + p];
  }
  // x is the first column of the inverse.
  Slow out{std::vector<double>(j), 1.0 / x[0]};
  for (std::size_t k = 0; k < j; ++k) {
    for (std::size_t p = 0; p < m; ++p) out.feedback[k] += x[p] * h.at(order[j + p], order[k]);
  }
  return out;
}

TEST(RoundingFactor, IsWhatMinimisingOverTheColumnsBehindGives) {
  const Square h = correlated(96, 1);
  ThreadPool pool({.n_threads = 2, .pin = false});
  const RoundingFactor factor(pool, h.view());
  for (std::size_t j = 0; j < h.n; ++j) {
    const Slow slow = slow_feedback(h, factor.order(), j);
    EXPECT_NEAR(factor.weights()[j] * factor.unit(), slow.weight, 1e-4 * slow.weight);
    const MatrixView<const float> column = factor.part(0, h.n, j, 1);
    for (std::size_t k = 0; k < j; ++k) EXPECT_NEAR(*column.row(k), slow.feedback[k], 1e-4);
    EXPECT_EQ(*column.row(j), 1.0f);
    for (std::size_t k = j + 1; k < h.n; ++k) EXPECT_EQ(*column.row(k), 0.0f);
  }
}

TEST(RoundingFactor, OrderTakesHeavyBlocksFirst) {
  const Square h = correlated(128, 2);
  ThreadPool pool({.n_threads = 1, .pin = false});
  const RoundingFactor factor(pool, h.view());
  const std::span<const std::uint32_t> order = factor.order();
  std::vector<std::uint32_t> sorted(order.begin(), order.end());
  std::sort(sorted.begin(), sorted.end());
  for (std::uint32_t j = 0; j < h.n; ++j) EXPECT_EQ(sorted[j], j);
  for (const std::size_t block : {32, 16, 8}) {
    double before = std::numeric_limits<double>::infinity();
    for (std::size_t i = 0; i < h.n; i += block) {
      double sum = 0.0;
      for (std::size_t j = i; j < i + block; ++j) {
        EXPECT_EQ(order[j] / block, order[i] / block);
        sum += h.at(order[j], order[j]);
      }
      const bool first_of_parent = block < 32 && i % (2 * block) == 0;
      if (!first_of_parent) {
        EXPECT_LE(sum, before);
      }
      before = sum;
    }
  }
}

TEST(RoundingFactor, RefusesWhatIsNotPositiveDefinite) {
  ThreadPool pool({.n_threads = 1, .pin = false});
  Square h = identity(32);
  h.at(3, 4) = h.at(4, 3) = 2.0f;
  EXPECT_THROW(RoundingFactor(pool, h.view()), Error);
  EXPECT_THROW(RoundingFactor(pool, Square{32, std::vector<float>(32 * 32)}.view()), Error);
  h.at(5, 5) = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THROW(RoundingFactor(pool, h.view()), Error);
}

// ---- the recursion

enum class Feedback { kTargetMinusValue, kWantedMinusValue };

// One sub-block after the other, in double; the scale that costs least; no sweeps.
class SlowRounding {
 public:
  SlowRounding(const ScaledFormat& format, const RoundingFactor& factor, const ScaleReach& reach,
               Feedback feedback)
      : format_(format), factor_(factor), reach_(reach), feedback_(feedback) {}

  std::vector<double> values(const float* target, const std::uint8_t* start) const {
    const std::size_t n = factor_.size(), sub = format_.sub_block;
    std::vector<StoredScale> scales(n / sub);
    format_.read(start, n, scales.data());
    std::vector<double> fed(n), values(n);
    for (std::size_t at = 0; at < n; at += sub) {
      const StoredScale present = scales[factor_.order()[at] / sub];
      double least = std::numeric_limits<double>::infinity();
      std::vector<double> best_fed, best_values;
      for (int c = 0; c < format_.candidate_count(reach_); ++c) {
        const double now =
            round(at, format_.candidate(present, c, reach_), target, fed.data(), values.data());
        if (!(now < least)) continue;
        least = now;
        best_fed = fed;
        best_values = values;
      }
      fed = best_fed;
      values = best_values;
    }
    return values;
  }

 private:
  double round(std::size_t at, const StoredScale& s, const float* target, double* fed,
               double* values) const {
    const float scale = s.d * static_cast<float>(s.scale), min = s.dmin * static_cast<float>(s.min);
    double sum = 0.0;
    for (std::size_t j = at; j < at + format_.sub_block; ++j) {
      const std::uint32_t column = factor_.order()[j];
      double wanted = target[column];
      for (std::size_t k = 0; k < j; ++k) wanted += fed[k] * *factor_.part(k, 1, j, 1).data;
      double level = scale == 0.0f ? 0.0 : std::nearbyint((wanted + min) / scale);
      level = std::clamp<double>(level, format_.levels.low, format_.levels.high);
      const double value = scale * level - min;
      sum += factor_.weights()[j] * (wanted - value) * (wanted - value);
      fed[j] = (feedback_ == Feedback::kTargetMinusValue ? target[column] : wanted) - value;
      values[column] = value;
    }
    return sum;
  }

  const ScaledFormat& format_;
  const RoundingFactor& factor_;
  ScaleReach reach_;
  Feedback feedback_;
};

class Recursion : public testing::TestWithParam<Format> {};

TEST_P(Recursion, IsTheSlowOneWithTheErrorOfTheTargetFedBack) {
  const Format format = GetParam();
  const Square h = correlated(256, 3);
  const Rows target = random_rows(8, h.n, 4);
  const RoundingOptions options = {.sweeps = 0, .reach = {.pairs = 1, .scales = 2}};
  const std::vector<float> got =
      decoded(format, rounded(format, target, h, options).blocks, target.values.size());
  const std::vector<std::uint8_t> start = plain(format, target, h);

  ThreadPool pool({.n_threads = 1, .pin = false});
  const RoundingFactor factor(pool, h.view());
  const ScaledFormat& scaled = *find_scaled_format(format);
  const auto slow = [&](Feedback feedback) {
    std::vector<double> out;
    for (std::size_t r = 0; r < target.n; ++r) {
      const auto row = SlowRounding(scaled, factor, options.reach, feedback)
                           .values(target.view().row(r), start.data() + r * row_bytes(format, h.n));
      out.insert(out.end(), row.begin(), row.end());
    }
    return out;
  };
  const std::vector<double> want = slow(Feedback::kTargetMinusValue);
  std::size_t different = 0;
  for (std::size_t i = 0; i < want.size(); ++i) different += std::fabs(got[i] - want[i]) > 1e-6;
  EXPECT_EQ(different, 0u);

  const std::vector<double> wrong = slow(Feedback::kWantedMinusValue);
  std::vector<double> wrong_errors(wrong.size());
  for (std::size_t i = 0; i < wrong.size(); ++i) wrong_errors[i] = target.values[i] - wrong[i];
  EXPECT_GT(cost(h, wrong_errors), 1.5 * cost_of_blocks(h, format, target, start));
}

INSTANTIATE_TEST_SUITE_P(Formats, Recursion,
                         testing::Values(Format::Q4_0, Format::Q4_K, Format::Q3_K, Format::Q5_1),
                         [](const auto& test) { return std::string(format_name(test.param)); });

}  // namespace
}  // namespace lathe
