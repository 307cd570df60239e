// Confidence intervals of a mean over chunks that cover the truth as often as they say, also where
// chunks are few (docs/evaluating.md has the measured coverage; tests/quant/coverage_test.cc
// measures it). Percentiles of resampled means, which stood here before, held the truth in 86 % of
// cases at 6 chunks.
#pragma once

#include <optional>
#include <span>

#include "quant/eval/statistics.h"

namespace lathe {

inline constexpr double kConfidence = 0.95;

// Of the mean of the text's kind, from the means of a text's chunks in their order: Student's
// interval over blocks of neighbours (quant/eval/chunk_blocks.h). Chunks weigh the same. Nothing
// for fewer than two chunks: one says nothing about how much chunks vary.
std::optional<Interval> mean_interval(std::span<const double> chunk_means,
                                      double confidence = kConfidence);

// The same for values that are positive and skewed, as divergences are: symmetric on the scale of
// logarithms, so both ends are positive and the upper one is farther away. As mean_interval() where
// the mean is not positive.
std::optional<Interval> positive_mean_interval(std::span<const double> chunk_means,
                                               double confidence = kConfidence);

// Of exp(mean), or exp(mean) - 1.
std::optional<Interval> exp_of(const std::optional<Interval>& interval);
std::optional<Interval> expm1_of(const std::optional<Interval>& interval);

}  // namespace lathe
