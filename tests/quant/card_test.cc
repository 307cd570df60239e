// Cards: figures from records against their definitions, and differences that are noise or not.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

#include "quant/eval/card/card_difference.h"
#include "quant/eval/card/card_figures.h"

namespace lathe {
namespace {

// Records of two candidates over chunks of `n_rows` positions: made-up numbers.
ChunkRecords divergence_records(std::size_t n_chunks, std::size_t n_rows) {
  std::mt19937 random(7);
  std::uniform_real_distribution<double> nll(0.1, 6.0), kld(0.0, 0.2);
  ChunkRecords records(n_chunks);
  for (std::vector<double>& record : records) {
    for (std::size_t r = 0; r < n_rows; ++r) {
      const double base = nll(random);
      for (int m = 0; m < 2; ++m) {
        const std::size_t at = record.size();
        record.resize(at + kDivergenceWidth);
        put_divergence({.nll_base = base,
                        .nll = base + 0.1 * (m + 1),
                        .kld = kld(random),
                        .p_base = 0.0,
                        .p = 0.0,
                        .same_top = m == 0,
                        .top_overlap = 0.5},
                       record.data() + at);
      }
    }
  }
  return records;
}

TEST(CardFigures, CandidatesAndBaseComeFromTheirOwnNumbers) {
  const std::size_t n_chunks = 3, n_rows = 20;
  const ChunkRecords records = divergence_records(n_chunks, n_rows);
  const CardText base = card_text_of_base(records, 2),
                 second = card_text_of_candidate(records, 1, 2);
  double sum = 0.0, kld_of_chunk_1 = 0.0;
  for (std::size_t c = 0; c < n_chunks; ++c) {
    for (std::size_t r = 0; r < n_rows; ++r) {
      sum += records[c][2 * r * kDivergenceWidth];
      if (c == 1) kld_of_chunk_1 += records[c][(2 * r + 1) * kDivergenceWidth + 2];
    }
  }
  const double mean = sum / static_cast<double>(n_chunks * n_rows);
  EXPECT_NEAR(base.ppl.value, std::exp(mean), 1e-9 * std::exp(mean));
  EXPECT_FALSE(base.divergence);
  EXPECT_TRUE(base.chunk_kld.empty());
  EXPECT_NEAR(second.ppl.value, std::exp(mean + 0.2), 1e-9 * std::exp(mean));
  EXPECT_NEAR(second.chunk_kld[1], kld_of_chunk_1 / static_cast<double>(n_rows), 1e-12);
  EXPECT_EQ(second.divergence->same_top.value, 0.0);
  EXPECT_EQ(card_text_of_candidate(records, 0, 2).divergence->same_top.value, 1.0);
  for (std::size_t c = 0; c < n_chunks; ++c) {
    EXPECT_NEAR(second.chunk_nll[c] - base.chunk_nll[c], 0.2, 1e-12);
  }
}

TEST(CardFigures, LikelihoodsByModel) {
  const ChunkRecords records = {{1.0, 2.0, 3.0, 4.0}, {5.0, 6.0, 7.0, 8.0}};
  const CardText second = card_text_of_likelihoods(records, 1, 2);
  EXPECT_EQ(second.chunk_nll, (std::vector<double>{3.0, 7.0}));
  EXPECT_NEAR(second.ppl.value, std::exp(5.0), 1e-9);
}

CardTest test_of(TaskKind kind, std::vector<bool> correct) {
  CardTest test{kind, {}, std::move(correct)};
  double n_correct = 0.0;
  for (const bool c : test.correct) n_correct += c;
  test.summary.all.score = share_estimate(n_correct, test.correct.size());
  return test;
}

TEST(CardFigures, TheAverageIsOfAllFiveTestsOrNone) {
  CardModel model;
  for (const TaskKind kind : kCardTests) {
    model.tests.push_back(test_of(kind, {true, true, false, kind == TaskKind::kArc}));
  }
  const auto average = card_average(model);
  ASSERT_TRUE(average);
  EXPECT_NEAR(average->value, (0.75 + 4 * 0.5) / 5, 1e-15);
  const double variance = 0.75 * 0.25 / 3 + 4 * 0.5 * 0.5 / 3;
  EXPECT_NEAR(average->error, std::sqrt(variance) / 5, 1e-15);
  model.tests.pop_back();
  EXPECT_FALSE(card_average(model));
}

TEST(CardDifferences, TasksArePairedByMcNemar) {
  const std::size_t n = 100;
  std::vector<bool> reference(n, true), better(n, true), same(n, true);
  for (std::size_t i = 0; i < 20; ++i) reference[i] = same[i] = false;
  for (std::size_t i = 8; i < 20; ++i) better[i] = false;  // 8 more than the reference
  same[3] = true;
  same[50] = false;
  const Difference gained = test_difference(reference, better);
  EXPECT_NEAR(gained.value, 0.08, 1e-15);
  EXPECT_NEAR(*gained.p, 2.0 / 256, 1e-12);
  EXPECT_FALSE(gained.noise);
  // The variance of 8 ones among 100 zeros.
  EXPECT_NEAR(gained.interval.high - gained.value, 1.95996398454 * std::sqrt(8.0 - 0.64) / 100,
              1e-12);
  const Difference none = test_difference(reference, same);
  EXPECT_EQ(none.value, 0.0);
  EXPECT_EQ(*none.p, 1.0);
  EXPECT_TRUE(none.noise);
  EXPECT_TRUE(test_difference({}, {}).noise);
}

TEST(CardDifferences, TextsArePairedByChunk) {
  std::mt19937 random(3);
  std::normal_distribution<double> difficulty(4.0, 0.6), noise(0.0, 0.002);
  std::vector<double> a(30), b(30);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double d = difficulty(random);
    a[i] = d + noise(random);
    b[i] = d + 0.01 + noise(random);
  }
  const Difference d = likelihood_difference(a, b);
  EXPECT_NEAR(d.value, std::expm1(0.01), 0.002);
  EXPECT_FALSE(d.noise);
  EXPECT_LT(d.interval.low, d.value);
  EXPECT_GT(d.interval.high, d.value);
  // Five chunks that agree are not enough, six are.
  const std::span<const double> all_a(a), all_b(b);
  EXPECT_TRUE(likelihood_difference(all_a.first(5), all_b.first(5)).noise);
  EXPECT_FALSE(likelihood_difference(all_a.first(6), all_b.first(6)).noise);
}

TEST(CardDifferences, WhatOneModelLacksIsLeftOut) {
  const ChunkRecords records = divergence_records(8, 10);
  CardModel base, first, second;
  base.text = card_text_of_base(records, 2);
  first.text = card_text_of_candidate(records, 0, 2);
  second.text = card_text_of_candidate(records, 1, 2);
  const CardDifference from_base = card_difference(base, first),
                       between = card_difference(first, second);
  EXPECT_TRUE(from_base.ppl);
  EXPECT_FALSE(from_base.kld) << "a base has no divergence";
  ASSERT_TRUE(between.kld);
  EXPECT_NEAR(between.ppl->value, std::expm1(0.1), 1e-12);
  EXPECT_FALSE(between.ppl->noise);
  EXPECT_NEAR(between.kld->value,
              second.text->divergence->kld.value - first.text->divergence->kld.value, 1e-12);
  EXPECT_FALSE(between.average);
}

TEST(CardDifferences, TheAverageAddsVariances) {
  CardModel a, b;
  for (const TaskKind kind : kCardTests) {
    std::vector<bool> right(200, true), wrong(200, true);
    for (std::size_t i = 0; i < 6; ++i) wrong[i] = false;
    a.tests.push_back(test_of(kind, wrong));
    b.tests.push_back(test_of(kind, right));
  }
  const CardDifference d = card_difference(a, b);
  ASSERT_TRUE(d.average);
  EXPECT_NEAR(d.average->value, 0.03, 1e-12);
  const double half = d.tests[0].interval.high - d.tests[0].value;
  EXPECT_NEAR(d.average->interval.high - d.average->value, half / std::sqrt(5.0), 1e-12);
  EXPECT_FALSE(d.average->noise);
}

}  // namespace
}  // namespace lathe
