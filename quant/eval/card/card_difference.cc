#include "quant/eval/card/card_difference.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <numbers>

#include "quant/eval/holm.h"

namespace lathe {
namespace {

double variance_of(const Interval& interval) {
  const double error = (interval.high - interval.low) / (2.0 * kZ95);
  return error * error;
}

// Of the mean of tests with tasks of their own: variances add up. Sums of hundreds of tasks are
// normal.
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
    if (!tests[i].interval) return std::nullopt;
    average.value += tests[i].value;
    variance += variance_of(*tests[i].interval);
    n += 1.0;
  }
  average.value /= n;
  const double error = std::sqrt(variance) / n;
  average.interval = {average.value - kZ95 * error, average.value + kZ95 * error};
  average.p = average.p_adjusted = std::erfc(std::abs(average.value) / error / std::numbers::sqrt2);
  return average;
}

CardDifference difference_of(const CardModel& reference, const CardModel& other) {
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

std::vector<Difference*> figures_of(std::vector<CardDifference>& differences) {
  std::vector<Difference*> out;
  for (CardDifference& d : differences) {
    if (d.ppl) out.push_back(&*d.ppl);
    if (d.kld) out.push_back(&*d.kld);
    for (Difference& test : d.tests) out.push_back(&test);
    if (d.average) out.push_back(&*d.average);
  }
  return out;
}

}  // namespace

Difference mean_difference(std::span<const double> reference, std::span<const double> other) {
  const PairedDifference d = paired_difference(reference, other);
  return {d.mean, d.interval, d.p, d.p};
}

Difference likelihood_difference(std::span<const double> chunk_nll_reference,
                                 std::span<const double> chunk_nll) {
  Difference d = mean_difference(chunk_nll_reference, chunk_nll);
  d.value = std::expm1(d.value);
  d.interval = expm1_of(d.interval);
  return d;
}

Difference test_difference(const std::vector<bool>& reference, const std::vector<bool>& other) {
  const Discordant counts = count_discordant(reference, other);
  Difference d;
  if (other.empty()) return d;
  d.value = (static_cast<double>(counts.only_b) - static_cast<double>(counts.only_a)) /
            static_cast<double>(other.size());
  d.interval = share_difference_interval(counts, other.size());
  d.p = d.p_adjusted = mcnemar_p(counts);
  return d;
}

CardComparison compare_cards(std::span<const CardPair> pairs) {
  CardComparison out;
  for (const CardPair& pair : pairs) {
    out.differences.push_back(difference_of(*pair.reference, *pair.other));
    if (pair.other->text) out.n_chunks = pair.other->text->chunk_nll.size();
  }
  const std::vector<Difference*> figures = figures_of(out.differences);
  std::vector<double> p;
  for (const Difference* d : figures) p.push_back(d->p);
  const std::vector<double> adjusted = holm_adjusted(p);
  for (std::size_t i = 0; i < figures.size(); ++i) figures[i]->p_adjusted = adjusted[i];
  out.n_comparisons = figures.size();
  return out;
}

CardComparison compare_cards(const CardModel& reference, const CardModel& other) {
  const CardPair pair{&reference, &other};
  return compare_cards({&pair, 1});
}

std::size_t chunks_needed(std::size_t n_comparisons) {
  std::size_t n_chunks = 1;
  while (least_sign_flip_p(n_chunks) * static_cast<double>(n_comparisons) >= kSignificance) {
    ++n_chunks;
  }
  return n_chunks;
}

std::string comparison_words(const CardComparison& comparison) {
  std::string out = fmt::format(
      "~ may be noise. Pair by pair over the same chunks (exact sign-flip test) and tasks "
      "(McNemar);\n"
      "family-wise error 5 % over {} {} (Holm).\n",
      comparison.n_comparisons, comparison.n_comparisons == 1 ? "comparison" : "comparisons");
  const std::size_t needed = chunks_needed(comparison.n_comparisons);
  if (comparison.n_chunks > 0 && comparison.n_chunks < needed) {
    out += fmt::format("{} {} cannot tell a difference from noise among so many: it takes {}.\n",
                       comparison.n_chunks, comparison.n_chunks == 1 ? "chunk" : "chunks", needed);
  }
  return out;
}

}  // namespace lathe
