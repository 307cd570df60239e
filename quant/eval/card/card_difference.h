// How two models of a card differ, and whether that is more than noise: pair by pair, on the same
// chunks and tasks (quant/eval/paired_tests.h).
#pragma once

#include <optional>
#include <vector>

#include "quant/eval/bootstrap.h"
#include "quant/eval/card/card_figures.h"

namespace lathe {

struct Difference {
  double value = 0.0;         // the other model minus the reference
  Interval interval{};        // 95 %
  bool noise = true;          // there may be none
  std::optional<double> p{};  // of McNemar's test: the chance of so much by luck alone
};

struct CardDifference {
  std::optional<Difference> ppl;  // PPL of the other / of the reference - 1
  std::optional<Difference> kld;  // nats
  std::vector<Difference> tests;  // shares, in the order of CardModel::tests
  std::optional<Difference> average;
};

// Both were measured together: the same chunks and tasks.
CardDifference card_difference(const CardModel& reference, const CardModel& other);

// Fewer chunks cannot tell a difference from noise at 95 %: even if all agreed on its sign, that
// would happen by luck in 2 of 2^5 cases.
inline constexpr std::size_t kMinChunksForTest = 6;

// The parts.
Difference likelihood_difference(std::span<const double> chunk_nll_reference,
                                 std::span<const double> chunk_nll);
Difference mean_difference(std::span<const double> reference, std::span<const double> other);
Difference test_difference(const std::vector<bool>& reference, const std::vector<bool>& other);

}  // namespace lathe
