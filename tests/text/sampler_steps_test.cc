// The newer steps of the sampler, each against its definition written out plainly.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "runtime/base/error.h"
#include "runtime/text/dry_penalty.h"
#include "runtime/text/escapes.h"
#include "runtime/text/sampler.h"
#include "runtime/text/sampler_filters.h"

namespace lathe {
namespace {

std::vector<Candidate> random_candidates(std::mt19937& random, std::size_t n) {
  std::normal_distribution<float> normal(0, 3);
  std::vector<Candidate> list;
  for (std::size_t i = 0; i < n; ++i) list.push_back({static_cast<Token>(i), normal(random)});
  return list;
}

std::vector<double> probabilities(const std::vector<Candidate>& list) {
  double sum = 0;
  std::vector<double> p;
  for (const Candidate& c : list) p.push_back(std::exp(static_cast<double>(c.logit)));
  for (const double x : p) sum += x;
  for (double& x : p) x /= sum;
  return p;
}

std::vector<Token> tokens_of(const std::vector<Candidate>& list) {
  std::vector<Token> tokens;
  for (const Candidate& c : list) tokens.push_back(c.token);
  std::sort(tokens.begin(), tokens.end());
  return tokens;
}

// The longest m such that the last m tokens also end k tokens earlier, by comparing.
std::size_t repeated(const std::vector<Token>& text, std::size_t k) {
  std::size_t m = 0;
  while (m + k < text.size() && text[text.size() - 1 - m] == text[text.size() - 1 - m - k]) ++m;
  return m;
}

TEST(Dry, PenalizesWhatWouldGoOnWithARepetition) {
  std::mt19937 random(1);
  const Token breaker = 4;
  for (int round = 0; round < 300; ++round) {
    DryParams params{.multiplier = 0.8f,
                     .base = 1.5f,
                     .allowed_length = 1 + round % 3,
                     .window = round % 2 == 0 ? -1 : 20,
                     .breakers = {breaker}};
    DryPenalty dry(params);
    std::vector<Token> text;
    for (int i = 0; i < 40; ++i) {
      text.push_back(static_cast<Token>(random() % (round % 5 + 2)));
      dry.accept(text.back());
    }
    std::vector<float> logits(6, 1.0f);
    dry.apply(logits);

    if (params.window > 0) text.erase(text.begin(), text.end() - params.window);
    std::size_t limit = 0;
    while (limit < text.size() && text[text.size() - 1 - limit] != breaker) ++limit;
    std::map<Token, std::size_t> longest;
    for (std::size_t k = 1; k < text.size(); ++k) {
      const std::size_t m = std::min(repeated(text, k), limit);
      const Token next = text[text.size() - k];
      if (next != breaker && m > 0) longest[next] = std::max(longest[next], m);
    }
    const auto allowed = static_cast<std::size_t>(params.allowed_length);
    for (Token t = 0; t < 6; ++t) {
      const double expected =
          longest.contains(t) && longest[t] >= allowed
              ? 1 - 0.8 * std::pow(1.5, static_cast<double>(longest[t] - allowed))
              : 1.0;
      EXPECT_NEAR(logits[static_cast<std::size_t>(t)], expected, 1e-3 * std::abs(expected))
          << round << ' ' << t;
    }
  }
}

TEST(SamplerSteps, TopNSigmaKeepsWhatIsNearTheBest) {
  std::mt19937 random(2);
  for (int round = 0; round < 50; ++round) {
    std::vector<Candidate> list = random_candidates(random, 200);
    double mean = 0, variance = 0, best = -1e9;
    for (const Candidate& c : list) mean += c.logit / 200.0;
    for (const Candidate& c : list) {
      variance += (c.logit - mean) * (c.logit - mean) / 200.0;
      best = std::max(best, static_cast<double>(c.logit));
    }
    std::vector<Token> expected;
    for (const Candidate& c : list) {
      if (c.logit >= best - 1.5 * std::sqrt(variance)) expected.push_back(c.token);
    }
    keep_top_n_sigma(list, 1.5f);
    EXPECT_EQ(tokens_of(list), expected);
  }
}

TEST(SamplerSteps, XtcLeavesTheLeastOfTheTopChoices) {
  std::vector<Candidate> list;
  const std::vector<double> p = {0.05, 0.4, 0.25, 0.2, 0.1};
  for (std::size_t i = 0; i < p.size(); ++i) {
    list.push_back({static_cast<Token>(i), static_cast<float>(std::log(p[i]))});
  }
  std::vector<Candidate> cut = list;
  exclude_top_choices(cut, 0.15f);
  EXPECT_EQ(tokens_of(cut), (std::vector<Token>{0, 3, 4}));
  cut = list;
  exclude_top_choices(cut, 0.3f);  // one alone stays
  EXPECT_EQ(cut.size(), 5u);
  cut = list;
  exclude_top_choices(cut, 0.5f);
  EXPECT_EQ(cut.size(), 5u);
}

TEST(SamplerSteps, TheTemperatureFollowsTheEntropy) {
  std::mt19937 random(3);
  for (int round = 0; round < 20; ++round) {
    const std::vector<Candidate> list = random_candidates(random, 50);
    double entropy = 0;
    for (const double p : probabilities(list)) entropy -= p * std::log(p);
    const double expected = 0.5 + 1.0 * std::pow(entropy / std::log(50.0), 1.3);
    EXPECT_NEAR(entropy_temperature(list, 0.5f, 1.5f, 1.3f), expected, 1e-4);
  }
  std::vector<Candidate> even(10, Candidate{0, 1.0f});
  EXPECT_NEAR(entropy_temperature(even, 0.5f, 1.5f, 1), 1.5, 1e-5);
}

TEST(SamplerSteps, BiasesAreAdded) {
  SamplerParams params;
  params.temperature = 0;
  params.logit_bias = {{1, 5.0f}, {0, -HUGE_VALF}, {99, 1.0f}};
  const std::vector<float> logits = {10, 3, 4};
  EXPECT_EQ(Sampler(params).sample(logits), 1);
}

TEST(SamplerSteps, TheOrderDecides) {
  // Of 0.4, 0.3, 0.2, 0.1 top-p of 0.5 keeps two; behind a high temperature it keeps three.
  SamplerParams params;
  params.temperature = 100;
  params.top_p = 0.6f;
  params.seed = 1;
  std::vector<float> logits;
  for (const double p : {0.5, 0.3, 0.15, 0.05}) logits.push_back(static_cast<float>(std::log(p)));
  const auto n_drawn = [&](const char* order) {
    params.order = sampler_order(order);
    Sampler sampler(params);
    std::map<Token, int> drawn;
    for (int i = 0; i < 500; ++i) ++drawn[sampler.sample(logits)];
    return drawn.size();
  };
  EXPECT_EQ(n_drawn("top_p;temperature"), 2u);
  EXPECT_EQ(n_drawn("temperature;top_p"), 3u);
  EXPECT_EQ(n_drawn("temperature"), 4u);  // what is left out is off
  EXPECT_EQ(sampler_order("penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature"),
            default_sampler_order());
  EXPECT_THROW(sampler_order("top_k;nonsense"), Error);
}

TEST(Escapes, MeanWhatTheyStandFor) {
  EXPECT_EQ(without_escapes(R"(a\nb\t\\\"\x41\xc3\xa9)"), "a\nb\t\\\"A\u00e9");
  EXPECT_EQ(without_escapes(R"(\q \x4 \xzz end\)"), R"(\q \x4 \xzz end\)");
}

// With tokens that are not allowed the draws are those of a vocabulary that lacks them.
TEST(SamplerMask, RefusedTokensAreNoPartOfTheDistribution) {
  std::mt19937 random(9);
  std::normal_distribution<float> normal(0, 2);
  constexpr std::size_t kVocab = 500;
  for (int round = 0; round < 60; ++round) {
    SamplerParams params;
    params.temperature = round % 5 == 0 ? 0 : 1.0f;
    params.top_k = round % 2 == 0 ? 40 : 0;
    params.top_n_sigma = round % 7 == 0 ? 1.5f : 0;
    params.typical_p = round % 3 == 0 ? 0.7f : 1;
    params.xtc_probability = round % 4 == 0 ? 0.5f : 0;
    params.mirostat = round % 6 == 5 ? 2 : 0;
    params.repeat_penalty = 1.3f;
    params.seed = static_cast<std::uint64_t>(round);
    Sampler whole(params), part(params);
    TokenMask allowed(kVocab);
    std::vector<Token> kept;
    for (Token t = 0; t < static_cast<Token>(kVocab); ++t) {
      // A token's random number is by its id: where one is drawn, those that stay keep theirs.
      const bool keeps_id = params.temperature > 0;
      const auto at = keeps_id ? static_cast<unsigned>(t) * 100 / kVocab : random() % 100;
      if (at >= static_cast<unsigned>(1 + round)) continue;
      allowed.add(t);
      kept.push_back(t);
    }
    if (kept.empty()) continue;
    for (int draw = 0; draw < 20; ++draw) {
      std::vector<float> logits(kVocab), some;
      for (float& x : logits) x = normal(random);
      logits[random() % kVocab] = HUGE_VALF;
      for (const Token t : kept) some.push_back(logits[static_cast<std::size_t>(t)]);
      const Token drawn = whole.sample(logits, &allowed);
      ASSERT_TRUE(allowed.has(drawn));
      const Token other = part.sample(some);
      ASSERT_EQ(drawn, kept[static_cast<std::size_t>(other)]) << round;
      whole.accept(drawn);
      part.accept(other);
    }
  }
}

// Penalties without bound make no refused token better than an allowed one.
TEST(SamplerMask, RefusedTokensAreNeverDrawnWhateverThePenalty) {
  for (const float temperature : {0.0f, 1.0f}) {
    SamplerParams params;
    params.temperature = temperature;
    params.logit_bias = {{7, -HUGE_VALF}, {3, HUGE_VALF}};
    Sampler sampler(params);
    TokenMask allowed(10);
    allowed.add(7);
    EXPECT_EQ(sampler.sample(std::vector<float>(10, 1.0f), &allowed), 7);
  }
}

}  // namespace
}  // namespace lathe
