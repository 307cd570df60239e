// How models of a card differ, and whether that is more than noise: pair by pair, on the same
// chunks and tasks (quant/eval/paired_tests.h), with one bound for all comparisons of a report
// (quant/eval/holm.h).
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "quant/eval/card/card_figures.h"
#include "quant/eval/paired_tests.h"
#include "quant/eval/statistics.h"

namespace lathe {

struct Difference {
  double value = 0.0;  // the other model minus the reference
  std::optional<Interval>
      interval;             // 95 %, of this comparison alone; none of fewer than two values
  double p = 1.0;           // the chance of so much by luck alone, of this comparison alone
  double p_adjusted = 1.0;  // among all comparisons of the report

  bool noise() const noexcept { return p_adjusted >= kSignificance; }  // there may be none
};

struct CardDifference {
  std::optional<Difference> ppl;  // PPL of the other / of the reference - 1
  std::optional<Difference> kld;  // nats
  std::vector<Difference> tests;  // shares, in the order of CardModel::tests
  std::optional<Difference> average;
};

// Two models that were measured together: the same chunks and tasks.
struct CardPair {
  const CardModel* reference;
  const CardModel* other;
};

struct CardComparison {
  std::vector<CardDifference> differences;  // in the order of the pairs
  std::size_t n_comparisons = 0;            // the family: all figures of all pairs
  std::size_t n_chunks = 0;                 // of the text; 0 without one
};

// All pairs of one report, each once.
CardComparison compare_cards(std::span<const CardPair> pairs);
CardComparison compare_cards(const CardModel& reference, const CardModel& other);

// The fewest chunks with which a difference of texts can pass first among so many comparisons.
std::size_t chunks_needed(std::size_t n_comparisons);

// For below the table: what its marks mean, and how many chunks it takes where there are too few
// for any difference of the texts to pass.
std::string comparison_words(const CardComparison& comparison);

// The parts, not adjusted (p_adjusted is p).
Difference likelihood_difference(std::span<const double> chunk_nll_reference,
                                 std::span<const double> chunk_nll);
Difference mean_difference(std::span<const double> reference, std::span<const double> other);
Difference test_difference(const std::vector<bool>& reference, const std::vector<bool>& other);

}  // namespace lathe
