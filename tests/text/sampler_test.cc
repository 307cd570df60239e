// Samplers against their definitions: distributions over many draws, and exact cuts where a cut
// leaves one token.
#include "runtime/text/sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/text/sampler_filters.h"

namespace lathe {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();

// Nothing but the temperature.
SamplerParams plain() {
  SamplerParams p;
  p.temperature = 1;
  p.top_k = 0;
  p.top_p = 1;
  p.min_p = 0;
  return p;
}

std::vector<float> logits_of(const std::vector<double>& probabilities) {
  std::vector<float> logits;
  for (const double p : probabilities) logits.push_back(static_cast<float>(std::log(p)));
  return logits;
}

std::vector<double> frequencies(const SamplerParams& params, const std::vector<float>& logits,
                                int n = 40000) {
  Sampler sampler(params);
  std::vector<double> result(logits.size());
  for (int i = 0; i < n; ++i) {
    result[static_cast<std::size_t>(sampler.sample(logits))] += 1.0 / n;
  }
  return result;
}

// Four standard deviations of a share, over 40000 draws, are at most 0.01.
void expect_shares(const SamplerParams& params, const std::vector<float>& logits,
                   const std::vector<double>& expected) {
  const std::vector<double> found = frequencies(params, logits);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    EXPECT_NEAR(found[i], expected[i], 0.01) << i;
    if (expected[i] == 0) {
      EXPECT_EQ(found[i], 0) << i;
    }
  }
}

const std::vector<float> kLogits = logits_of({0.1, 0.4, 0.05, 0.3, 0.15});

TEST(Sampler, DrawsByProbability) { expect_shares(plain(), kLogits, {0.1, 0.4, 0.05, 0.3, 0.15}); }

TEST(Sampler, TemperatureSharpens) {
  SamplerParams p = plain();
  p.temperature = 0.5f;  // squares, normalised: 0.01 0.16 0.0025 0.09 0.0225 over 0.285
  expect_shares(p, kLogits,
                {0.01 / 0.285, 0.16 / 0.285, 0.0025 / 0.285, 0.09 / 0.285, 0.0225 / 0.285});
}

TEST(Sampler, TopKKeepsTheBest) {
  SamplerParams p = plain();
  p.top_k = 2;
  expect_shares(p, kLogits, {0, 0.4 / 0.7, 0, 0.3 / 0.7, 0});
}

TEST(Sampler, TopPKeepsUntilTheMassIsReached) {
  SamplerParams p = plain();
  p.top_p = 0.75f;  // 0.4 + 0.3 is not enough, the third comes with them
  expect_shares(p, kLogits, {0, 0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85});
  p.top_p = 0;
  expect_shares(p, kLogits, {0, 1, 0, 0, 0});
}

TEST(Sampler, MinPIsRelativeToTheBest) {
  SamplerParams p = plain();
  p.min_p = 0.3f;  // 0.12 and more
  expect_shares(p, kLogits, {0, 0.4 / 0.85, 0, 0.3 / 0.85, 0.15 / 0.85});
}

// Entropy 1.392 nats; surprises 2.303 0.916 2.996 1.204 1.897: nearest are 0.3, 0.4, 0.15.
TEST(Sampler, TypicalKeepsWhatIsNearTheEntropy) {
  SamplerParams p = plain();
  p.typical_p = 0.25f;
  expect_shares(p, kLogits, {0, 0, 0, 1, 0});
  p.typical_p = 0.6f;
  expect_shares(p, kLogits, {0, 0.4 / 0.7, 0, 0.3 / 0.7, 0});
}

TEST(Sampler, GreedyTakesTheFirstBest) {
  SamplerParams p;
  p.temperature = 0;
  Sampler sampler(p);
  EXPECT_EQ(sampler.sample(std::vector<float>{0, 3, 1, 3}), 1);
  EXPECT_EQ(sampler.sample(std::vector<float>{kNaN, -kInf, -5, kNaN}), 2);
}

TEST(Sampler, PenaltiesCountTheWindow) {
  SamplerParams p;
  p.temperature = 0;
  p.repeat_penalty = 2;
  Sampler repeat(p);
  EXPECT_EQ(repeat.sample(std::vector<float>{4, 3, -1}), 0);
  repeat.accept(0);
  EXPECT_EQ(repeat.sample(std::vector<float>{4, 3, -1}), 1);  // 2 against 3
  repeat.accept(1);
  EXPECT_EQ(repeat.sample(std::vector<float>{-4, -3, -5}), 2);  // -8, -6 against -5

  p.repeat_penalty = 1;
  p.frequency_penalty = 0.4f;
  p.presence_penalty = 0.5f;
  Sampler frequency(p);
  frequency.accept(0);
  EXPECT_EQ(frequency.sample(std::vector<float>{4, 3}), 0);  // 4 - 0.9
  frequency.accept(0);
  EXPECT_EQ(frequency.sample(std::vector<float>{4, 3}), 1);  // 4 - 1.3
}

TEST(Sampler, TheWindowForgets) {
  SamplerParams p;
  p.temperature = 0;
  p.presence_penalty = 5;
  p.penalty_window = 2;
  Sampler sampler(p);
  const std::vector<float> logits = {4, 3, 2};
  for (const Token t : {0, 1}) sampler.accept(t);
  EXPECT_EQ(sampler.sample(logits), 2);
  sampler.accept(2);  // 0 has left the window
  EXPECT_EQ(sampler.sample(logits), 0);
  sampler.accept(-7);
  sampler.accept(1000);  // not in the vocabulary: no matter
  EXPECT_EQ(sampler.sample(logits), 0);
  p.penalty_window = -1;
  Sampler endless(p);
  for (const Token t : {0, 1, 2, 2, 2}) endless.accept(t);
  EXPECT_EQ(endless.sample(std::vector<float>{4, 3, 2, 1}), 3);
}

TEST(Sampler, TheSameSeedGivesTheSameTokens) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal(0, 3);
  std::vector<float> logits(5000);
  for (float& x : logits) x = normal(random);
  SamplerParams p;
  p.seed = 42;
  Sampler a(p), b(p);
  p.seed = 43;
  Sampler other(p);
  std::vector<Token> first, second, third;
  for (int i = 0; i < 100; ++i) {
    first.push_back(a.sample(logits));
    second.push_back(b.sample(logits));
    third.push_back(other.sample(logits));
  }
  EXPECT_EQ(first, second);
  EXPECT_NE(first, third);
  a.reset();
  for (const Token t : first) ASSERT_EQ(a.sample(logits), t);
}

TEST(Sampler, NothingBreaksOnLogitsThatAreNoNumbers) {
  std::vector<SamplerParams> all(7, plain());
  all[1].top_k = 3;
  all[2].top_p = 0.5f;
  all[3].min_p = 0.5f;
  all[4].typical_p = 0.5f;
  all[5].mirostat = 2;
  all[6].temperature = 0;
  for (SamplerParams& p : all) {
    p.repeat_penalty = 1.1f;
    Sampler sampler(p);
    sampler.accept(1);
    for (const auto& logits : std::vector<std::vector<float>>{{kNaN, kNaN, kNaN, kNaN, kNaN},
                                                              {-kInf, -kInf, -kInf, -kInf, -kInf},
                                                              {kInf, kInf, kInf, kInf, kInf},
                                                              {kNaN, 1, kInf, -kInf, 3e38f}}) {
      for (int i = 0; i < 50; ++i) {
        const Token token = sampler.sample(logits);
        ASSERT_GE(token, 0);
        ASSERT_LT(token, 5);
      }
    }
    EXPECT_EQ(sampler.sample(std::vector<float>{kNaN, -kInf, 2, kNaN, -kInf}), 2);
    EXPECT_EQ(sampler.sample(std::vector<float>{1}), 0);
  }
}

// Follows mu in double precision beside the sampler: each token must be one that mu allows, and the
// mean surprise meets the aim in the long run.
TEST(Sampler, MirostatHoldsTheSurprise) {
  std::mt19937 random(8);
  std::normal_distribution<float> normal(0, 2);
  std::vector<float> logits(2000);
  for (float& x : logits) x = normal(random);
  double sum = 0;
  for (const float x : logits) sum += std::exp(double{x});
  for (const double tau : {3.0, 5.0}) {
    SamplerParams p = plain();
    p.mirostat = 2;
    p.mirostat_tau = static_cast<float>(tau);
    Sampler sampler(p);
    double mu = 2 * tau, mean = 0;
    constexpr int kSteps = 3000;
    for (int i = 0; i < kSteps; ++i) {
      const auto token = static_cast<std::size_t>(sampler.sample(logits));
      double kept = 0;
      for (const float x : logits) {
        if (-std::log2(std::exp(double{x}) / sum) <= mu) kept += std::exp(double{x});
      }
      ASSERT_LE(-std::log2(std::exp(double{logits[token]}) / sum), mu + 0.01);
      const double surprise = -std::log2(std::exp(double{logits[token]}) / kept);
      mu -= 0.1 * (surprise - tau);
      mean += surprise / kSteps;
    }
    EXPECT_NEAR(mean, tau, 0.05);
  }
}

TEST(Sampler, RefusesParametersThatMakeNoSense) {
  const auto refused = [](auto change) {
    SamplerParams p;
    change(p);
    EXPECT_THROW(Sampler{p}, Error);
  };
  refused([](auto& p) { p.temperature = -1; });
  refused([](auto& p) { p.temperature = kNaN; });
  refused([](auto& p) { p.top_k = -1; });
  refused([](auto& p) { p.top_p = 1.5f; });
  refused([](auto& p) { p.min_p = kNaN; });
  refused([](auto& p) { p.typical_p = -0.1f; });
  refused([](auto& p) { p.repeat_penalty = 0; });
  refused([](auto& p) { p.frequency_penalty = kInf; });
  refused([](auto& p) { p.penalty_window = -2; });
  refused([](auto& p) { p.mirostat = 1; });
}

// Selection before sorting must not change what a full sort would keep.
TEST(SamplerFilters, EqualAFullSort) {
  std::mt19937 random(9);
  std::vector<float> logits(5000);
  for (float& x : logits) x = static_cast<float>(random() % 97) / 10;  // many ties
  std::vector<Candidate> sorted;
  for (std::size_t i = 0; i < logits.size(); ++i)
    sorted.push_back({static_cast<Token>(i), logits[i]});
  const std::vector<Candidate> unsorted = sorted;
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const Candidate& a, const Candidate& b) { return a.logit > b.logit; });
  double sum = 0;
  for (const Candidate& c : sorted) sum += std::exp(double{c.logit});

  const auto expect_prefix = [&](const std::vector<Candidate>& found, std::size_t n) {
    ASSERT_EQ(found.size(), n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(found[i].token, sorted[i].token) << i;
  };
  for (const std::size_t k : {1u, 2u, 40u, 1000u, 5000u, 6000u}) {
    std::vector<Candidate> best;
    top_k(logits, k, best);
    expect_prefix(best, std::min<std::size_t>(k, 5000));
    std::vector<Candidate> cut = unsorted;
    keep_best(cut, k);
    expect_prefix(cut, std::min<std::size_t>(k, 5000));
  }
  for (const float p : {0.01f, 0.3f, 0.9f, 0.999f}) {
    std::vector<Candidate> cut = unsorted;
    keep_top_p(cut, p);
    double mass = 0;
    std::size_t n = 0;
    while (mass < static_cast<double>(p)) mass += std::exp(double{sorted[n++].logit}) / sum;
    expect_prefix(cut, n);
  }
}

}  // namespace
}  // namespace lathe
