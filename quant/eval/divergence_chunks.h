// Divergence chunk by chunk, and the intervals that follow from it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/chunk_measure.h"
#include "quant/eval/statistics.h"

namespace lathe {

// Means of each chunk alone: [n_chunks].
struct DivergenceChunks {
  std::vector<double> nll, nll_base;  // negative log-likelihoods of the true tokens
  std::vector<double> kld;
};

// Candidate m of n_candidates in records of measure_divergence().
DivergenceChunks divergence_chunks(const ChunkRecords& records, std::size_t m,
                                   std::size_t n_candidates);

// 95 % intervals (quant/eval/mean_interval.h); none of fewer than two chunks.
struct DivergenceIntervals {
  std::optional<Interval> ppl, ppl_base;
  std::optional<Interval> ppl_ratio;  // PPL / PPL of the base, from paired differences
  std::optional<Interval> kld;        // positive_mean_interval()
};
DivergenceIntervals divergence_intervals(const DivergenceChunks& chunks);

// As lines of text, to stand below divergence_report(); says so where there are too few chunks.
std::string intervals_report(const DivergenceIntervals& intervals);

}  // namespace lathe
