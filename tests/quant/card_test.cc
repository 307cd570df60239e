// Cards: figures from records against their definitions, and differences that are noise or not.
#include <gmock/gmock.h>
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
  EXPECT_NEAR(gained.p, 2.0 / 256, 1e-12);
  EXPECT_FALSE(gained.noise());
  EXPECT_EQ(gained.interval->high, share_difference_interval({0, 8}, n).high);
  const Difference none = test_difference(reference, same);
  EXPECT_EQ(none.value, 0.0);
  EXPECT_EQ(none.p, 1.0);
  EXPECT_TRUE(none.noise());
  EXPECT_TRUE(test_difference({}, {}).noise());
  EXPECT_FALSE(test_difference({}, {}).interval);
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
  EXPECT_FALSE(d.noise());
  EXPECT_LT(d.interval->low, d.value);
  EXPECT_GT(d.interval->high, d.value);
  // Five chunks that agree are not enough, six are.
  const std::span<const double> all_a(a), all_b(b);
  EXPECT_TRUE(likelihood_difference(all_a.first(5), all_b.first(5)).noise());
  EXPECT_FALSE(likelihood_difference(all_a.first(6), all_b.first(6)).noise());
}

TEST(CardDifferences, WhatOneModelLacksIsLeftOut) {
  const ChunkRecords records = divergence_records(8, 10);
  CardModel base, first, second;
  base.text = card_text_of_base(records, 2);
  first.text = card_text_of_candidate(records, 0, 2);
  second.text = card_text_of_candidate(records, 1, 2);
  const CardDifference from_base = compare_cards(base, first).differences[0],
                       between = compare_cards(first, second).differences[0];
  EXPECT_TRUE(from_base.ppl);
  EXPECT_FALSE(from_base.kld) << "a base has no divergence";
  ASSERT_TRUE(between.kld);
  EXPECT_NEAR(between.ppl->value, std::expm1(0.1), 1e-12);
  EXPECT_FALSE(between.ppl->noise());
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
  const CardDifference d = compare_cards(a, b).differences[0];
  ASSERT_TRUE(d.average);
  EXPECT_NEAR(d.average->value, 0.03, 1e-12);
  const double half = (d.tests[0].interval->high - d.tests[0].interval->low) / 2.0;
  EXPECT_NEAR(d.average->interval->high - d.average->value, half / std::sqrt(5.0), 1e-12);
  EXPECT_FALSE(d.average->noise());
}

// A model whose chunks differ from those of `reference` by about `difference`.
CardModel like(const CardModel& reference, double difference, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0.0, 0.002);
  CardModel out = reference;
  for (double& v : out.text->chunk_nll) v += difference + noise(random);
  return out;
}

TEST(CardDifferences, AllComparisonsOfAReportAreOneFamily) {
  CardModel reference;
  reference.text = CardText{{}, std::vector<double>(8, 4.0), {}, {}};
  reference.tests = {test_of(TaskKind::kArc, std::vector<bool>(50, true))};
  std::vector<CardModel> models;
  for (unsigned m = 0; m < 3; ++m) models.push_back(like(reference, m == 0 ? 0.1 : 0.0, m + 1));
  std::vector<CardPair> pairs;
  for (const CardModel& m : models) pairs.push_back({&reference, &m});
  const CardComparison all = compare_cards(pairs);
  EXPECT_EQ(all.n_comparisons, 6u);
  const Difference& different = *all.differences[0].ppl;
  EXPECT_EQ(different.p, 2.0 / 256);
  EXPECT_EQ(different.p_adjusted, 12.0 / 256) << "the least of six";
  EXPECT_FALSE(different.noise());
  for (const CardDifference& d : all.differences) {
    EXPECT_GE(d.ppl->p_adjusted, d.ppl->p);
    EXPECT_EQ(d.tests[0].p_adjusted, 1.0) << "McNemar's tests belong to it";
  }
  EXPECT_EQ(compare_cards(reference, models[0]).n_comparisons, 2u);
}

TEST(CardDifferences, WordsSayWhatTheFamilyCanShow) {
  CardModel reference;
  reference.text = CardText{{}, std::vector<double>(6, 4.0), {}, {}};
  const CardModel other = like(reference, 0.1, 1);
  const std::string one = comparison_words(compare_cards(reference, other));
  EXPECT_THAT(one, testing::HasSubstr("family-wise error 5 % over 1 comparison (Holm)"));
  EXPECT_THAT(one, testing::Not(testing::HasSubstr("it takes")));
  const std::vector<CardPair> pairs(12, CardPair{&reference, &other});
  const CardComparison twelve = compare_cards(pairs);
  EXPECT_TRUE(twelve.differences[0].ppl->noise()) << "2 / 64 is not enough among twelve";
  EXPECT_THAT(comparison_words(twelve), testing::HasSubstr("over 12 comparisons"));
  EXPECT_THAT(comparison_words(twelve), testing::HasSubstr("it takes 9"));
}

}  // namespace
}  // namespace lathe
