// Calibrated rounding against slow double-precision definitions, and on hostile input.
#include "quant/calibrate/rounding/rounding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "kernels/tiers.h"
#include "quant/codecs/codec.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr Format kScaled[] = {Format::Q2_K, Format::Q3_K, Format::Q4_K,   Format::Q5_K,
                              Format::Q6_K, Format::Q4_0, Format::Q4_1,   Format::Q5_0,
                              Format::Q5_1, Format::Q8_0, Format::IQ4_NL, Format::IQ4_XS};

constexpr Format kGrids[] = {Format::IQ3_S,   Format::IQ3_XXS, Format::IQ2_S, Format::IQ2_XS,
                             Format::IQ2_XXS, Format::IQ1_S,   Format::IQ1_M};

const KernelTable& scalar_kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    select_kernels("scalar", &t);
    return t;
  }();
  return table;
}

struct Square {
  std::size_t n;
  std::vector<float> values;

  float& at(std::size_t i, std::size_t j) { return values[i * n + j]; }
  double at(std::size_t i, std::size_t j) const { return values[i * n + j]; }
  MatrixView<const float> view() const { return {values.data(), n, n}; }
};

// A second moment with a decaying spectrum and columns of different sizes, as activations have.
Square correlated(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> normal;
  const std::size_t rank = n / 8;
  std::vector<double> mix(rank * n), size(n);
  for (std::size_t i = 0; i < rank; ++i) {
    for (std::size_t j = 0; j < n; ++j) {
      mix[i * n + j] = normal(random) / std::sqrt(1.0 + static_cast<double>(i));
    }
  }
  for (double& s : size) s = std::exp(0.5 * normal(random));
  Square h{n, std::vector<float>(n * n)};
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j <= i; ++j) {
      double sum = i == j ? 0.3 : 0.0;
      for (std::size_t k = 0; k < rank; ++k) sum += mix[k * n + i] * mix[k * n + j];
      h.at(i, j) = h.at(j, i) = static_cast<float>(sum * size[i] * size[j]);
    }
  }
  return h;
}

Square identity(std::size_t n) {
  Square h{n, std::vector<float>(n * n)};
  for (std::size_t i = 0; i < n; ++i) h.at(i, i) = 1.0f;
  return h;
}

struct Rows {
  std::size_t n, cols;
  std::vector<float> values;

  float& at(std::size_t r, std::size_t c) { return values[r * cols + c]; }
  MatrixView<const float> view() const { return {values.data(), n, cols}; }
};

Rows random_rows(std::size_t n, std::size_t cols, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  Rows rows{n, cols, std::vector<float>(n * cols)};
  for (float& x : rows.values) x = normal(random);
  return rows;
}

// The sum over rows of e H e^T, in double.
double cost(const Square& h, const std::vector<double>& errors) {
  double sum = 0.0;
  for (std::size_t first = 0; first < errors.size(); first += h.n) {
    const double* e = errors.data() + first;
    for (std::size_t i = 0; i < h.n; ++i) {
      double g = 0.0;
      for (std::size_t j = 0; j < h.n; ++j) g += h.at(i, j) * e[j];
      sum += g * e[i];
    }
  }
  return sum;
}

std::vector<float> decoded(Format format, const std::vector<std::uint8_t>& blocks, std::size_t n) {
  std::vector<float> out(n);
  scalar_kernels().decode[index_of(format)](blocks.data(), n, out.data());
  return out;
}

double cost_of_blocks(const Square& h, Format format, const Rows& target,
                      const std::vector<std::uint8_t>& blocks) {
  const std::vector<float> values = decoded(format, blocks, target.values.size());
  std::vector<double> errors(values.size());
  for (std::size_t i = 0; i < errors.size(); ++i) {
    errors[i] = static_cast<double>(target.values[i]) - values[i];
  }
  return cost(h, errors);
}

struct Rounded {
  RoundingErrors errors;
  std::vector<std::uint8_t> blocks;
};

Rounded rounded(Format format, const Rows& target, const Square& h,
                const RoundingOptions& options = {}, int n_threads = 1,
                std::string_view tier = {}) {
  ThreadPool pool({.n_threads = n_threads, .pin = false});
  const RoundingFactor factor(pool, h.view());
  Rounded out{{}, std::vector<std::uint8_t>(target.n * row_bytes(format, target.cols))};
  out.errors = round_calibrated(format, target.view(), h.view(), factor, tier, pool,
                                out.blocks.data(), options);
  return out;
}

std::vector<std::uint8_t> plain(Format format, const Rows& target, const Square& h) {
  std::vector<float> diagonal(h.n), importance(h.n);
  for (std::size_t j = 0; j < h.n; ++j) diagonal[j] = h.values[j * h.n + j];
  EXPECT_TRUE(prepare_importance(diagonal.data(), h.n, importance.data()));
  std::vector<std::uint8_t> blocks(target.n * row_bytes(format, target.cols));
  encode_rows(*find_codec(format), target.view(), importance.data(), blocks.data());
  return blocks;
}

// ---- the factor

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

// ---- results

class Calibrated : public testing::TestWithParam<Format> {};

TEST_P(Calibrated, ErrorsAreTrueAndFarBelowNearestRounding) {
  const Format format = GetParam();
  const Square h = correlated(256, 5);
  const Rows target = random_rows(kRoundingLanes + 6, h.n, 6);
  const auto [errors, blocks] = rounded(format, target, h);
  ASSERT_FALSE(errors.bad_row);
  const double calibrated = cost_of_blocks(h, format, target, blocks);
  const double nearest = cost_of_blocks(h, format, target, plain(format, target, h));
  EXPECT_NEAR(errors.calibrated, calibrated, 1e-3 * calibrated);
  EXPECT_NEAR(errors.nearest, nearest, 1e-3 * nearest);
  const double energy = cost(h, {target.values.begin(), target.values.end()});
  EXPECT_NEAR(errors.energy, energy, 1e-3 * energy);
  EXPECT_LT(calibrated, 0.65 * nearest) << calibrated / nearest;
}

TEST_P(Calibrated, SweepsOnlyHelp) {
  const Format format = GetParam();
  const Square h = correlated(256, 7);
  const Rows target = random_rows(20, h.n, 8);
  double before = std::numeric_limits<double>::infinity();
  for (const int sweeps : {0, 1, 2, 4}) {
    const auto [errors, blocks] =
        rounded(format, target, h, RoundingOptions{.sweeps = sweeps, .reach = {}});
    const double now = cost_of_blocks(h, format, target, blocks);
    EXPECT_LE(now, before * (1.0 + 1e-6)) << sweeps;
    before = now;
  }
}

TEST_P(Calibrated, WithoutCorrelationItIsAboutThePlainEncoder) {
  const Format format = GetParam();
  const Square h = identity(256);
  const Rows target = random_rows(40, h.n, 9);
  const auto [errors, blocks] = rounded(format, target, h);
  const double ratio = cost_of_blocks(h, format, target, blocks) /
                       cost_of_blocks(h, format, target, plain(format, target, h));
  EXPECT_LE(ratio, 1.0001);
  EXPECT_GE(ratio, 0.8);
}

TEST_P(Calibrated, HostileRowsGiveFiniteValues) {
  const Format format = GetParam();
  Square h = correlated(512, 10);
  for (std::size_t j = 40; j < 80; ++j) {  // columns that calibration never saw, as damped
    for (std::size_t i = 0; i < h.n; ++i) h.at(i, j) = h.at(j, i) = i == j ? 1e-3f : 0.0f;
  }
  Rows target = random_rows(9, h.n, 11);
  const auto fill = [&](std::size_t r, auto value) {
    for (std::size_t c = 0; c < h.n; ++c) target.at(r, c) = value(c);
  };
  fill(0, [](std::size_t) { return 0.0f; });
  fill(1, [](std::size_t) { return 0.7f; });
  fill(2, [](std::size_t) { return -3e-3f; });
  fill(3, [](std::size_t c) { return c % 2 == 0 ? 60000.0f : -60000.0f; });
  fill(4, [](std::size_t c) { return 1e-9f * static_cast<float>(c % 7); });
  fill(5, [](std::size_t c) { return c == 300 ? 30000.0f : 1e-3f; });
  fill(6, [](std::size_t c) { return c == 45 ? 1.0f : 0.0f; });
  fill(7, [](std::size_t c) { return 1e-38f * static_cast<float>(c % 3); });
  const auto [errors, blocks] = rounded(format, target, h);
  ASSERT_FALSE(errors.bad_row);
  EXPECT_TRUE(std::isfinite(errors.calibrated));
  const std::vector<float> values = decoded(format, blocks, target.values.size());
  for (const float v : values) ASSERT_TRUE(std::isfinite(v));
  for (std::size_t c = 0; c < h.n; ++c) EXPECT_EQ(values[c], 0.0f);
  for (const std::size_t r : {1, 3, 5, 8}) {
    const Rows row{1, h.n, {target.view().row(r), target.view().row(r) + h.n}};
    const std::size_t bytes = row_bytes(format, h.n);
    const std::vector<std::uint8_t> own(blocks.data() + r * bytes, blocks.data() + (r + 1) * bytes);
    EXPECT_LE(cost_of_blocks(h, format, row, own),
              1.01 * cost_of_blocks(h, format, row, plain(format, row, h)) + 1e-12)
        << r;
  }
}

TEST_P(Calibrated, NamesTheFirstRowThatCannotBeEncoded) {
  const Square h = correlated(256, 12);
  Rows target = random_rows(140, h.n, 13);
  target.at(130, 7) = std::numeric_limits<float>::quiet_NaN();
  target.at(99, 200) = 1e6f;
  EXPECT_THAT(rounded(GetParam(), target, h, {}, 2).errors.bad_row, testing::Optional(99u));
}

TEST_P(Calibrated, BytesDependOnNeitherThreadsNorTier) {
  const Format format = GetParam();
  const Square h = correlated(256, 14);
  const Rows target = random_rows(kRoundingLanes + 20, h.n, 15);
  const auto [errors, blocks] = rounded(format, target, h);
  for (const int n_threads : {2, 3}) {
    const Rounded other = rounded(format, target, h, {}, n_threads);
    EXPECT_EQ(other.blocks, blocks);
    EXPECT_EQ(other.errors.calibrated, errors.calibrated);
    EXPECT_EQ(other.errors.nearest, errors.nearest);
  }
  for (const std::string_view tier : {"scalar", "avx2", "avx512"}) {
    KernelTable kernels;
    if (!select_kernels(tier, &kernels)) continue;
    EXPECT_EQ(rounded(format, target, h, {}, 1, tier).blocks, blocks) << tier;
  }
}

// Rows are rounded one by one: which others there are makes no difference.
TEST_P(Calibrated, RowsStandAlone) {
  const Format format = GetParam();
  const Square h = correlated(256, 16);
  const Rows target = random_rows(kRoundingLanes + 1, h.n, 17);
  const Rows last{
      1, h.n, {target.values.end() - static_cast<std::ptrdiff_t>(h.n), target.values.end()}};
  const std::vector<std::uint8_t> all = rounded(format, target, h).blocks;
  const std::vector<std::uint8_t> alone = rounded(format, last, h).blocks;
  EXPECT_TRUE(std::equal(alone.begin(), alone.end(),
                         all.end() - static_cast<std::ptrdiff_t>(alone.size())));
}

constexpr auto kNameOf = [](const auto& test) { return std::string(format_name(test.param)); };
INSTANTIATE_TEST_SUITE_P(Scaled, Calibrated, testing::ValuesIn(kScaled), kNameOf);
INSTANTIATE_TEST_SUITE_P(Grids, Calibrated, testing::ValuesIn(kGrids), kNameOf);

// What is read of a row's scales, and codes on their levels, make the same blocks again.
TEST(ScaledFormats, ReadingAndWritingIsTheIdentity) {
  const Rows target = random_rows(3, 512, 18);
  for (const Format format : kScaled) {
    const ScaledFormat& scaled = *find_scaled_format(format);
    const std::vector<std::uint8_t> blocks = plain(format, target, identity(512));
    const std::vector<float> values = decoded(format, blocks, target.values.size());
    for (std::size_t r = 0; r < target.n; ++r) {
      const std::uint8_t* row = blocks.data() + r * row_bytes(format, 512);
      std::vector<StoredScale> scales(512 / scaled.sub_block);
      scaled.read(row, 512, scales.data());
      std::vector<std::uint8_t> codes(512);
      for (std::size_t j = 0; j < 512; ++j) {
        const StoredScale& s = scales[j / scaled.sub_block];
        const double scale = s.d * static_cast<float>(s.scale);
        const double level = (values[r * 512 + j] + s.dmin * static_cast<float>(s.min)) / scale;
        constexpr int kIq4[] = {-127, -104, -83, -65, -49, -35, -22, -10,
                                1,    13,   25,  38,  53,  69,  89,  113};
        const double code =
            scaled.levels.iq4
                ? static_cast<double>(
                      std::lower_bound(std::begin(kIq4), std::end(kIq4), std::lround(level)) -
                      std::begin(kIq4))
                : std::round(level) - scaled.levels.low;
        EXPECT_NEAR(level, std::round(level), 1e-2);
        codes[j] = static_cast<std::uint8_t>(code);
      }
      std::vector<std::uint8_t> again(row_bytes(format, 512), 0xaa);
      scaled.write(scales.data(), codes.data(), 512, again.data());
      EXPECT_TRUE(std::equal(again.begin(), again.end(), row)) << format_name(format);
    }
  }
}

TEST(CanRound, SaysWhichFormatsThereAre) {
  for (const Format format : kScaled) EXPECT_TRUE(can_round_calibrated(format));
  for (const Format format : kGrids) EXPECT_TRUE(can_round_calibrated(format));
  for (const Format format : {Format::F32, Format::F16, Format::BF16, Format::TQ1_0, Format::TQ2_0,
                              Format::MXFP4, Format::NVFP4, Format::Q1_0, Format::Q2_0}) {
    EXPECT_FALSE(can_round_calibrated(format));
  }
}

}  // namespace
}  // namespace lathe
