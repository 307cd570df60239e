// Intervals of means: what they are made of. How often they hold the truth: coverage_test.cc.
#include "quant/eval/mean_interval.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "quant/eval/chunk_blocks.h"
#include "quant/eval/divergence.h"
#include "quant/eval/divergence_chunks.h"
#include "quant/eval/perplexity.h"

namespace lathe {
namespace {

TEST(ChunkBlocks, AreNeighboursOfEqualNumber) {
  const std::vector<double> x = {1, 2, 4, 8, 16, 32, 64};
  const std::vector<ChunkBlock> blocks = chunk_blocks(x, 3);
  ASSERT_EQ(blocks.size(), 3u);
  EXPECT_EQ(blocks[0].n_chunks, 2u);
  EXPECT_EQ(blocks[0].sum, 3.0);
  EXPECT_EQ(blocks[1].sum, 12.0);
  EXPECT_EQ(blocks[2].n_chunks, 3u);
  EXPECT_EQ(blocks[2].sum, 112.0);
}

TEST(ChunkBlocks, TheirNumberGrowsSlowly) {
  const auto of_interval = [](std::size_t n) { return interval_blocks(n); };
  EXPECT_EQ(of_interval(2), 2u);
  EXPECT_EQ(of_interval(5), 3u);
  EXPECT_EQ(of_interval(6), 3u);
  EXPECT_EQ(of_interval(10), 5u);
  EXPECT_EQ(of_interval(20), 10u);
  EXPECT_EQ(of_interval(100), 10u);
  EXPECT_EQ(of_interval(200), 20u);
  EXPECT_EQ(of_interval(100000), 30u);
  EXPECT_EQ(test_blocks(1), 1u);
  EXPECT_EQ(test_blocks(6), 6u);
  EXPECT_EQ(test_blocks(19), 10u);
  EXPECT_EQ(test_blocks(40), 20u);
  EXPECT_EQ(test_blocks(100), 20u);
  EXPECT_EQ(test_blocks(655), 30u);
}

// Three chunks are three blocks: the textbook's interval.
TEST(MeanInterval, IsStudentsOfSingleChunks) {
  const auto i = mean_interval(std::vector<double>{2.0, 3.0, 7.0});
  ASSERT_TRUE(i);
  const double half = 4.302652730 * std::sqrt(7.0 / 3.0);  // variance 7
  EXPECT_NEAR(i->low, 4.0 - half, 1e-8);
  EXPECT_NEAR(i->high, 4.0 + half, 1e-8);
}

// Pairs of 1 and 3, 2 and 8, 4 and 6: variance of the pairs' means 2, 5, 5 is 3.
TEST(MeanInterval, IsStudentsOfBlocks) {
  const auto i = mean_interval(std::vector<double>{1.0, 3.0, 2.0, 8.0, 4.0, 6.0});
  ASSERT_TRUE(i);
  const double half = 4.302652730 * std::sqrt(3.0 / 3.0);
  EXPECT_NEAR(i->low, 4.0 - half, 1e-8);
  EXPECT_NEAR(i->high, 4.0 + half, 1e-8);
}

TEST(MeanInterval, OneChunkHasNone) {
  EXPECT_FALSE(mean_interval(std::vector<double>{2.0}));
  EXPECT_FALSE(mean_interval({}));
  EXPECT_FALSE(positive_mean_interval(std::vector<double>{2.0}));
  EXPECT_FALSE(perplexity_interval(std::vector<double>{2.0}));
  EXPECT_TRUE(mean_interval(std::vector<double>{2.0, 2.5}));
}

TEST(MeanInterval, MoreConfidenceIsWider) {
  const std::vector<double> x = {2.0, 3.0, 7.0};
  EXPECT_NEAR(mean_interval(x, 0.9)->high, 4.0 + 2.919985580 * std::sqrt(7.0 / 3.0), 1e-8);
  EXPECT_GT(mean_interval(x, 0.99)->high, mean_interval(x)->high);
}

TEST(MeanInterval, OfPositiveValuesHasPositiveEnds) {
  const std::vector<double> x = {0.001, 0.002, 0.009};
  const auto plain = mean_interval(x), log = positive_mean_interval(x);
  EXPECT_LT(plain->low, 0.0);
  EXPECT_GT(log->low, 0.0);
  EXPECT_NEAR(log->low * log->high, 0.004 * 0.004, 1e-12) << "symmetric in logarithms";
  EXPECT_NEAR(std::log(log->high / 0.004), (plain->high - 0.004) / 0.004, 1e-9);
  const auto zeros = positive_mean_interval(std::vector<double>{0.0, 0.0, 0.0});
  EXPECT_EQ(zeros->low, 0.0);
  EXPECT_EQ(zeros->high, 0.0);
}

TEST(MeanInterval, OfPerplexityIsTransformed) {
  const std::vector<double> nll = {4.0, 4.1, 4.3, 3.9};
  const auto plain = mean_interval(nll), ppl = perplexity_interval(nll);
  EXPECT_EQ(ppl->low, std::exp(plain->low));
  EXPECT_EQ(ppl->high, std::exp(plain->high));
  EXPECT_EQ(expm1_of(plain)->high, std::expm1(plain->high));
}

// Records of two candidates over three chunks of two positions.
TEST(DivergenceChunks, AreMeansOfOneCandidate) {
  ChunkRecords records(3);
  for (std::size_t c = 0; c < records.size(); ++c) {
    for (int row = 0; row < 2; ++row) {
      for (int m = 0; m < 2; ++m) {
        records[c].resize(records[c].size() + kDivergenceWidth);
        put_divergence({.nll_base = 3.0 + row,
                        .nll = 3.0 + row + 0.1 * static_cast<double>(c + 1) * (m + 1),
                        .kld = 0.01 * (row + 1) * (m + 1) * static_cast<double>(c + 1)},
                       &records[c][records[c].size() - kDivergenceWidth]);
      }
    }
  }
  const DivergenceChunks second = divergence_chunks(records, 1, 2);
  ASSERT_EQ(second.kld.size(), 3u);
  EXPECT_NEAR(second.nll_base[2], 3.5, 1e-12);
  EXPECT_NEAR(second.nll[2], 4.1, 1e-12);
  EXPECT_NEAR(second.kld[1], 0.06, 1e-12);
  const DivergenceIntervals i = divergence_intervals(second);
  const double half = 4.302652730 * 0.2 / std::sqrt(3.0);  // differences 0.2, 0.4, 0.6
  EXPECT_NEAR(i.ppl_ratio->low, std::exp(0.4 - half), 1e-8);
  EXPECT_NEAR(i.ppl_base->low, std::exp(3.5), 1e-9);
  EXPECT_EQ(i.kld->high, positive_mean_interval(second.kld)->high);
  EXPECT_NE(intervals_report(i).find("KLD"), std::string::npos);
  EXPECT_NE(intervals_report(divergence_intervals({})).find("none"), std::string::npos);
}

}  // namespace
}  // namespace lathe
