// Whether two models differ on the same questions and the same text, or whether it is noise.
//
// Both models saw the same tasks and chunks, so differences are taken pair by pair: that resolves
// far less than comparing two scores with their standard errors.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "quant/eval/mean_interval.h"

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

// 95 % interval of the difference b - a of two shares of right answers to the same n_tasks: that of
// Bonett & Price, "Adjusted Wald confidence interval for a difference of binomial proportions based
// on paired data", Journal of Educational and Behavioral Statistics 37, 2012. Not of width zero
// where no task is discordant.
Interval share_difference_interval(const Discordant& d, std::size_t n_tasks) noexcept;

// The chance to see a mean difference as far from zero as that of these, or farther, if the sign of
// each were a matter of luck: exact two-sided sign-flip test (Fisher, "The Design of Experiments",
// 1935, section 21), every pattern of signs counted. `differences`: of chunks that both models saw,
// in their order; neighbours flip together where chunks are many (quant/eval/chunk_blocks.h). No
// mid-p: with no difference, p < 0.05 happens in 5 % of cases at most. 1 without differences.
double sign_flip_p(std::span<const double> differences);

// The least p that sign_flip_p() can find for so many chunks.
double least_sign_flip_p(std::size_t n_chunks) noexcept;

// a and b differ by b - a.
struct PairedDifference {
  double mean = 0.0;
  std::optional<Interval> interval;  // mean_interval() of the differences
  double p = 1.0;                    // sign_flip_p()
};

// Of the means of chunks that both models saw. Error-free: equal lengths are the caller's promise.
PairedDifference paired_difference(std::span<const double> a, std::span<const double> b);

// What counts as more than noise.
inline constexpr double kSignificance = 0.05;

}  // namespace lathe
