#include "quant/eval/card/card_difference.h"

#include <algorithm>
#include <cmath>
#include <iterator>

#include "quant/eval/paired_tests.h"

namespace lathe {
namespace {

constexpr double kZ = 1.95996398454;  // two-sided 95 % of a normal distribution

double variance_of(const Difference& d) {
  const double error = (d.interval.high - d.interval.low) / (2.0 * kZ);
  return error * error;
}

// Of the mean of tests with tasks of their own: variances add up.
std::optional<Difference> average_difference(const CardModel& model,
                                             const std::vector<Difference>& tests) {
  if (!card_average(model)) return std::nullopt;
  Difference average;
  double variance = 0.0, n = 0.0;
  for (std::size_t i = 0; i < tests.size(); ++i) {
    const TaskKind kind = model.tests[i].kind;
    if (std::find(std::begin(kCardTests), std::end(kCardTests), kind) == std::end(kCardTests)) {
      continue;
    }
    average.value += tests[i].value;
    variance += variance_of(tests[i]);
    n += 1.0;
  }
  average.value /= n;
  const double half = kZ * std::sqrt(variance) / n;
  average.interval = {average.value - half, average.value + half};
  average.noise = average.interval.contains(0.0);
  return average;
}

}  // namespace

Difference mean_difference(std::span<const double> reference, std::span<const double> other) {
  const PairedDifference d = paired_bootstrap(reference, other);
  return {d.mean, d.interval, other.size() < kMinChunksForTest || d.noise()};
}

Difference likelihood_difference(std::span<const double> chunk_nll_reference,
                                 std::span<const double> chunk_nll) {
  Difference d = mean_difference(chunk_nll_reference, chunk_nll);
  d.value = std::expm1(d.value);
  d.interval = {std::expm1(d.interval.low), std::expm1(d.interval.high)};
  return d;
}

// The interval is that of a mean of paired differences, each -1, 0 or 1.
Difference test_difference(const std::vector<bool>& reference, const std::vector<bool>& other) {
  const Discordant counts = count_discordant(reference, other);
  const auto n = static_cast<double>(other.size());
  if (other.empty()) return {};
  const double gained = static_cast<double>(counts.only_b),
               lost = static_cast<double>(counts.only_a);
  Difference d;
  d.value = (gained - lost) / n;
  const double half = kZ * std::sqrt(std::max(0.0, gained + lost - d.value * d.value * n)) / n;
  d.interval = {d.value - half, d.value + half};
  d.p = mcnemar_p(counts);
  d.noise = *d.p >= kSignificance;
  return d;
}

CardDifference card_difference(const CardModel& reference, const CardModel& other) {
  CardDifference out;
  if (reference.text && other.text) {
    out.ppl = likelihood_difference(reference.text->chunk_nll, other.text->chunk_nll);
    if (reference.text->divergence && other.text->divergence) {
      out.kld = mean_difference(reference.text->chunk_kld, other.text->chunk_kld);
    }
  }
  for (std::size_t i = 0; i < other.tests.size(); ++i) {
    out.tests.push_back(test_difference(reference.tests[i].correct, other.tests[i].correct));
  }
  out.average = average_difference(other, out.tests);
  return out;
}

}  // namespace lathe
