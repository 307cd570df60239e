// How often intervals hold the truth and tests raise false alarms, on real values of chunks
// (tests/data/chunk-values.csv): the figures of docs/evaluating.md. --gtest_output=xml:FILE keeps
// every measured figure.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/mean_interval.h"
#include "quant/eval/paired_tests.h"
#include "tests/support/chunk_values.h"

namespace lathe {
namespace {

using test::chunk_values;
using test::ChunkSampler;
using test::mean_of;

constexpr std::size_t kChunks[] = {6, 10, 20, 100};
constexpr int kTrials = 8000;
// Two standard errors of a share of 5 % among the trials.
const double kSlack = 2.0 * std::sqrt(0.05 * 0.95 / kTrials);

using IntervalOf = std::function<std::optional<Interval>(std::span<const double>)>;

double coverage(const std::vector<double>& values, double correlation, std::size_t n,
                const IntervalOf& interval, int n_trials = kTrials) {
  ChunkSampler sampler(values, correlation, 1);
  const double truth = mean_of(values);
  int n_held = 0;
  for (int i = 0; i < n_trials; ++i) n_held += interval(sampler.draw(n))->contains(truth) ? 1 : 0;
  return n_held / static_cast<double>(n_trials);
}

std::optional<Interval> plain(std::span<const double> x) { return mean_interval(x); }
std::optional<Interval> positive(std::span<const double> x) { return positive_mean_interval(x); }

struct Case {
  const char* name;
  std::vector<double> values;
  IntervalOf interval;
};

std::vector<Case> cases() {
  std::vector<Case> out;
  for (const char* text : {"books", "wiki"}) {
    const test::ChunkValues v = chunk_values(text);
    out.push_back({text, v.nll, plain});
    out.push_back({text, v.kld, positive});
    out.push_back({text, v.nll_difference(), plain});
  }
  return out;
}

// Checks all cases, and keeps what was measured.
void expect_coverage(double correlation, double low, double high) {
  int figure = 0;
  for (const Case& c : cases()) {
    const char* const names[] = {"nll", "kld", "difference"};
    const std::string name = fmt::format("{}_{}", c.name, names[figure++ % 3]);
    for (const std::size_t n : kChunks) {
      const double held = coverage(c.values, correlation, n, c.interval);
      testing::Test::RecordProperty(fmt::format("{}_{}", name, n), fmt::format("{:.4f}", held));
      EXPECT_GE(held, low - kSlack) << name << ", " << n << " chunks";
      EXPECT_LE(held, high + kSlack) << name << ", " << n << " chunks";
    }
  }
}

TEST(Coverage, IntervalsHoldTheTruthInNinetyFiveOfHundred) { expect_coverage(0.0, 0.94, 0.96); }

// Of texts whose neighbouring chunks correlate by 0.2, as those of books and articles do.
TEST(Coverage, NeighboursThatAreAlikeCostLittle) { expect_coverage(0.2, 0.92, 0.96); }

// What stood here before, so that it does not come back: percentiles of resampled means.
std::optional<Interval> percentile_bootstrap(std::span<const double> x) {
  static std::mt19937 random(1);
  std::vector<double> means(400);
  for (double& mean : means) {
    double sum = 0.0;
    for (std::size_t i = 0; i < x.size(); ++i) sum += x[random() % x.size()];
    mean = sum / static_cast<double>(x.size());
  }
  std::sort(means.begin(), means.end());
  return Interval{percentile(means, 0.025), percentile(means, 0.975)};
}

TEST(Coverage, PercentilesOfResampledMeansWouldFail) {
  const std::vector<double> nll = chunk_values("books").nll;
  EXPECT_LT(coverage(nll, 0.0, 6, percentile_bootstrap, 2000), 0.88);
  EXPECT_LT(coverage(nll, 0.0, 20, percentile_bootstrap, 2000), 0.935);
}

// Differences of two models that are equal on average.
std::vector<double> no_difference(const std::string& text) {
  std::vector<double> d = chunk_values(text).nll_difference();
  const double mean = mean_of(d);
  for (double& v : d) v -= mean;
  return d;
}

double false_alarms(const std::vector<double>& differences, double correlation, std::size_t n,
                    int n_trials) {
  ChunkSampler sampler(differences, correlation, 2);
  int n_alarms = 0;
  for (int i = 0; i < n_trials; ++i) {
    n_alarms += sign_flip_p(sampler.draw(n)) < kSignificance ? 1 : 0;
  }
  return n_alarms / static_cast<double>(n_trials);
}

void expect_false_alarms(double correlation, double most) {
  constexpr int kFewer = 4000;
  const double slack = 2.0 * std::sqrt(most * (1.0 - most) / kFewer);
  for (const char* text : {"books", "wiki"}) {
    const std::vector<double> differences = no_difference(text);
    for (const std::size_t n : kChunks) {
      const double alarms = false_alarms(differences, correlation, n, kFewer);
      testing::Test::RecordProperty(fmt::format("{}_{}", text, n), fmt::format("{:.4f}", alarms));
      EXPECT_LE(alarms, most + slack) << text << ", " << n << " chunks";
      EXPECT_GE(alarms, 0.02) << text << ", " << n << " chunks: a test that never speaks";
    }
  }
}

TEST(FalseAlarms, OfTheSignFlipTestAreFiveInHundred) { expect_false_alarms(0.0, 0.05); }

TEST(FalseAlarms, AreFewMoreWhereNeighboursAreAlike) { expect_false_alarms(0.2, 0.1); }

}  // namespace
}  // namespace lathe
