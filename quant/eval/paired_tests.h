// Whether two models differ on the same questions and the same text, or whether it is noise.
//
// Both models saw the same tasks and chunks, so differences are taken pair by pair: that resolves
// far less than comparing two scores with their standard errors.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "quant/eval/bootstrap.h"

namespace lathe {

// Tasks that only one of two models got right.
struct Discordant {
  std::size_t only_a = 0, only_b = 0;
};
// a, b: [n_tasks], true where the model was right.
Discordant count_discordant(const std::vector<bool>& a, const std::vector<bool>& b) noexcept;

// The chance to see as uneven a split of the discordant tasks, or a more uneven one, if both models
// were equally good: exact two-sided binomial test (McNemar 1947; the exact form, no correction).
double mcnemar_p(const Discordant& d) noexcept;

// a and b differ by b - a; noise where the interval holds 0.
struct PairedDifference {
  double mean = 0.0;
  Interval interval;

  bool noise() const noexcept { return interval.contains(0.0); }
};

// Of the means of blocks (chunks) that both models saw, resampled together. Error-free: equal
// lengths are the caller's promise.
PairedDifference paired_bootstrap(std::span<const double> a, std::span<const double> b,
                                  const BootstrapOptions& options = {});

// What counts as more than noise.
inline constexpr double kSignificance = 0.05;

}  // namespace lathe
