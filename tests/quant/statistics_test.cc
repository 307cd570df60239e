// Formulas of the evaluation against independent double-precision evaluations of their definitions.
#include "quant/eval/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "kernels/tiers.h"
#include "quant/eval/divergence.h"
#include "quant/eval/divergence_report.h"
#include "quant/eval/perplexity.h"
#include "quant/eval/text_chunks.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kVocab = 137, kRows = 400;

struct Logits {
  std::vector<float> base, candidate;
  std::vector<Token> targets;
};

Logits random_logits() {
  std::mt19937 random(11);
  std::normal_distribution<float> normal;
  Logits out;
  for (std::size_t i = 0; i < kRows * kVocab; ++i) {
    out.base.push_back(4.0f * normal(random));
    out.candidate.push_back(out.base.back() + 0.3f * normal(random));
  }
  for (std::size_t r = 0; r < kRows; ++r) {
    out.targets.push_back(static_cast<Token>(random() % kVocab));
  }
  return out;
}

// ln p of every token, in the plainest way.
std::vector<long double> log_softmax(const float* x) {
  long double sum = 0;
  for (std::size_t v = 0; v < kVocab; ++v) sum += std::exp(static_cast<long double>(x[v]));
  std::vector<long double> out;
  for (std::size_t v = 0; v < kVocab; ++v) out.push_back(x[v] - std::log(sum));
  return out;
}

struct PlainRow {
  long double nll_base, nll, kld, delta;
  bool same;
};

std::vector<PlainRow> plain_rows(const Logits& l) {
  std::vector<PlainRow> rows;
  for (std::size_t r = 0; r < kRows; ++r) {
    const float* b = l.base.data() + r * kVocab;
    const float* q = l.candidate.data() + r * kVocab;
    const auto lb = log_softmax(b), lq = log_softmax(q);
    long double kld = 0;
    std::size_t top_b = 0, top_q = 0;
    for (std::size_t v = 0; v < kVocab; ++v) {
      kld += std::exp(lb[v]) * (lb[v] - lq[v]);
      if (b[v] > b[top_b]) top_b = v;
      if (q[v] > q[top_q]) top_q = v;
    }
    const auto t = static_cast<std::size_t>(l.targets[r]);
    rows.push_back({-lb[t], -lq[t], kld, std::exp(lq[t]) - std::exp(lb[t]), top_b == top_q});
  }
  return rows;
}

// Mean of f over rows.
template <class F>
long double mean(const std::vector<PlainRow>& rows, F f) {
  long double sum = 0;
  for (const PlainRow& r : rows) sum += f(r);
  return sum / rows.size();
}
// Standard error of the mean of f.
template <class F>
long double error(const std::vector<PlainRow>& rows, F f) {
  const long double m = mean(rows, f);
  const long double variance = mean(rows, [&](auto& r) { return (f(r) - m) * (f(r) - m); });
  return std::sqrt(variance / (rows.size() - 1));
}

TEST(Divergence, EveryFigureFollowsItsDefinition) {
  const Logits l = random_logits();
  DivergenceMeter meter;
  for (std::size_t r = 0; r < kRows; ++r) {
    meter.add(token_divergence(l.base.data() + r * kVocab, l.candidate.data() + r * kVocab, kVocab,
                               l.targets[r]));
  }
  const DivergenceResult got = meter.summary(true);
  const std::vector<PlainRow> rows = plain_rows(l);
  const auto nll = [](auto& r) { return r.nll; };
  const auto nll_base = [](auto& r) { return r.nll_base; };
  const auto kld = [](auto& r) { return r.kld; };
  const auto delta = [](auto& r) { return r.delta; };
  const auto delta2 = [](auto& r) { return r.delta * r.delta; };
  const auto ratio = [](auto& r) { return r.nll - r.nll_base; };
  constexpr double kTight = 1e-9;

  const long double ppl = std::exp(mean(rows, nll)), ppl_base = std::exp(mean(rows, nll_base));
  EXPECT_EQ(got.n_scored, kRows);
  EXPECT_NEAR(got.ppl.value, ppl, ppl * kTight);
  EXPECT_NEAR(got.ppl.error, ppl * error(rows, nll), ppl * kTight);
  EXPECT_NEAR(got.ppl_base.value, ppl_base, ppl_base * kTight);
  EXPECT_NEAR(got.ln_ppl_ratio.value, mean(rows, ratio), kTight);
  EXPECT_NEAR(got.ln_ppl_ratio.error, error(rows, ratio), kTight) << "that of the paired values";
  EXPECT_NEAR(got.ppl_ratio.value, ppl / ppl_base, kTight);
  EXPECT_NEAR(got.ppl_ratio.error, ppl / ppl_base * error(rows, ratio), kTight);
  EXPECT_NEAR(got.ppl_difference.value, ppl - ppl_base, ppl * kTight);
  const auto difference = [&](auto& r) { return ppl * r.nll - ppl_base * r.nll_base; };
  EXPECT_NEAR(got.ppl_difference.error, error(rows, difference), ppl * kTight);
  const long double m_q = mean(rows, nll), m_b = mean(rows, nll_base);
  const long double cov = mean(rows, [&](auto& r) { return (r.nll - m_q) * (r.nll_base - m_b); });
  const long double correlation =
      cov / (rows.size() - 1) / (error(rows, nll) * error(rows, nll_base));
  EXPECT_NEAR(got.ln_ppl_correlation, correlation, kTight);

  EXPECT_NEAR(got.kld.value, mean(rows, kld), kTight);
  EXPECT_NEAR(got.kld.error, error(rows, kld), kTight);
  EXPECT_NEAR(got.delta_p.value, mean(rows, delta), kTight);
  EXPECT_NEAR(got.delta_p.error, error(rows, delta), kTight);
  const long double rms = std::sqrt(mean(rows, delta2));
  EXPECT_NEAR(got.rms_delta_p.value, rms, kTight);
  EXPECT_NEAR(got.rms_delta_p.error, 0.5L / rms * error(rows, delta2), kTight);
  const long double same = mean(rows, [](auto& r) { return r.same ? 1.0L : 0.0L; });
  EXPECT_NEAR(got.same_top.value, same, kTight);
  EXPECT_NEAR(got.same_top.error, std::sqrt(same * (1 - same) / (kRows - 1)), kTight);
  EXPECT_GT(same, 0.5);
  EXPECT_LT(same, 1.0);

  std::vector<long double> klds;
  for (const PlainRow& r : rows) klds.push_back(r.kld);
  std::sort(klds.begin(), klds.end());
  EXPECT_NEAR(got.kld_percentiles.front(), klds.back(), kTight);
  EXPECT_NEAR(got.kld_percentiles.back(), klds.front(), kTight);
  EXPECT_NEAR(got.kld_percentiles[5], (klds[199] + klds[200]) / 2, kTight) << "median of 400";
  const double at = 0.99 * (kRows - 1);
  const auto i = static_cast<std::size_t>(at);
  EXPECT_NEAR(got.kld_percentiles[2], klds[i] + (at - i) * (klds[i + 1] - klds[i]), kTight);
}

TEST(Divergence, OfAModelFromItselfIsZero) {
  const Logits l = random_logits();
  DivergenceMeter meter;
  for (std::size_t r = 0; r < kRows; ++r) {
    const float* row = l.base.data() + r * kVocab;
    meter.add(token_divergence(row, row, kVocab, l.targets[r]));
  }
  const DivergenceResult got = meter.summary(true);
  EXPECT_EQ(got.kld.value, 0.0);
  EXPECT_EQ(got.same_top.value, 1.0);
  EXPECT_EQ(got.same_top.error, 0.0);
  EXPECT_EQ(got.rms_delta_p.value, 0.0);
  EXPECT_NEAR(got.ln_ppl_correlation, 1.0, 1e-9);
}

TEST(Divergence, FewTokensHaveNoErrors) {
  const Logits l = random_logits();
  DivergenceMeter meter;
  for (std::size_t r = 0; r < 10; ++r) {
    meter.add(token_divergence(l.base.data() + r * kVocab, l.candidate.data() + r * kVocab, kVocab,
                               l.targets[r]));
  }
  EXPECT_EQ(meter.summary(true).kld.error, 0.0);
  EXPECT_EQ(DivergenceMeter().summary(true).kld.value, 0.0);
}

TEST(Divergence, ReportNamesEveryFigure) {
  DivergenceResult r;
  r.kld = {0.001551, 0.000019};
  r.same_top = {0.96441, 0.00183};
  const std::string text = divergence_report(r);
  EXPECT_THAT(text, testing::HasSubstr("Mean    KLD:   0.001551 ±   0.000019\n"));
  EXPECT_THAT(text, testing::HasSubstr("Same top p: 96.441 ± 0.183 %\n"));
  for (const char* name :
       {"Mean PPL(Q)", "Mean PPL(base)", "Cor(ln", "Maximum KLD", "99.9%   KLD", "Median  KLD",
        "\n10.0%   KLD", "\n 0.1%   KLD", "Minimum KLD", "75.0%   Δp", "RMS Δp"}) {
    EXPECT_THAT(text, testing::HasSubstr(name));
  }
}

TEST(Perplexity, RowsFollowTheDefinitionInEveryTier) {
  const Logits l = random_logits();
  const std::vector<PlainRow> rows = plain_rows(l);
  for (std::size_t i = 0; i < tier_count(); ++i) {
    KernelTable kernels;
    if (!select_kernels(tier(i).name, &kernels)) continue;
    Moments moments;
    for (std::size_t r = 0; r < kRows; ++r) {
      const double nll =
          negative_log_likelihood(l.base.data() + r * kVocab, kVocab, l.targets[r], kernels);
      EXPECT_NEAR(nll, rows[r].nll_base, 2e-6 * (1 + rows[r].nll_base)) << tier(i).name;
      moments.add(static_cast<double>(rows[r].nll_base));
    }
    const auto plain = [](auto& r) { return r.nll_base; };
    const long double ppl = std::exp(mean(rows, plain));
    EXPECT_NEAR(perplexity_of(moments).value, ppl, ppl * 1e-12);
    EXPECT_NEAR(perplexity_of(moments).error, ppl * error(rows, plain), ppl * 1e-10);
  }
}

TEST(Statistics, PercentilesInterpolate) {
  const std::vector<double> v = {1.0, 2.0, 4.0, 8.0};
  EXPECT_EQ(percentile(v, 0.0), 1.0);
  EXPECT_EQ(percentile(v, 1.0), 8.0);
  EXPECT_EQ(percentile(v, 0.5), 3.0);
  EXPECT_NEAR(percentile(v, 0.9), 4.0 + 0.7 * 4.0, 1e-12);
  EXPECT_EQ(percentile({}, 0.5), 0.0);
}

TEST(TextChunks, CutsReplacesAndScores) {
  std::vector<Token> tokens(35);
  for (std::size_t i = 0; i < tokens.size(); ++i) tokens[i] = static_cast<Token>(100 + i);
  const TextChunks text(tokens, 10, 0, Token{1});
  EXPECT_EQ(text.n_chunks(), 3u);
  EXPECT_EQ(text.chunk(1)[0], 1);
  EXPECT_EQ(text.chunk(1)[1], 111);
  EXPECT_EQ(text.chunk(2)[9], 129);
  EXPECT_EQ(text.first_scored(), 5u);
  EXPECT_EQ(text.n_scored(), 4u);
  EXPECT_EQ(TextChunks(tokens, 512 / 64, 2, {}).n_chunks(), 2u);
  EXPECT_EQ(TextChunks(tokens, 10, 0, {}).chunk(1)[0], 110);
  EXPECT_EQ(TextChunks(std::vector<Token>(1024), 512, 0, {}).n_scored(), 255u);
  EXPECT_THROW(TextChunks(tokens, 18, 0, {}), Error) << "not two chunks";
  EXPECT_THROW(TextChunks(tokens, 1, 0, {}), Error);
}

}  // namespace
}  // namespace lathe
