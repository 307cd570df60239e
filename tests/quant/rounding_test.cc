// What calibrated rounding comes to, and what hostile input does to it.
#include "quant/calibrate/rounding/rounding.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

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
using test::Rounded;
using test::rounded;
using test::Rows;
using test::Square;

constexpr Format kScaled[] = {Format::Q2_K, Format::Q3_K, Format::Q4_K,   Format::Q5_K,
                              Format::Q6_K, Format::Q4_0, Format::Q4_1,   Format::Q5_0,
                              Format::Q5_1, Format::Q8_0, Format::IQ4_NL, Format::IQ4_XS};

constexpr Format kGrids[] = {Format::IQ3_S,   Format::IQ3_XXS, Format::IQ2_S, Format::IQ2_XS,
                             Format::IQ2_XXS, Format::IQ1_S,   Format::IQ1_M};

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
    EXPECT_LE(now, before * (1.0 + 1e-4)) << sweeps;
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

TEST_P(Calibrated, BytesDependOnTheTierButNotOnThreads) {
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
    const std::vector<std::uint8_t> others = rounded(format, target, h, {}, 1, tier).blocks;
    EXPECT_NEAR(cost_of_blocks(h, format, target, others),
                cost_of_blocks(h, format, target, blocks),
                0.01 * cost_of_blocks(h, format, target, blocks))
        << tier;
    EXPECT_EQ(rounded(format, target, h, {}, 2, tier).blocks, others) << tier;
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
