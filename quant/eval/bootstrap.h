// Confidence intervals by resampling (Efron 1979), in blocks: tokens of one chunk are alike, so
// whole chunks are drawn (Künsch 1989), and intervals do not pretend that tokens are independent.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace lathe {

struct Interval {
  double low = 0.0, high = 0.0;

  bool contains(double x) const noexcept { return low <= x && x <= high; }
};

struct BootstrapOptions {
  std::size_t n_resamples = 2000;
  double confidence = 0.95;
  std::uint64_t seed = 1;  // the same numbers on every machine
};

// Of the mean over blocks: percentiles of the means of resampled blocks, after `transform` (exp
// makes a perplexity of a mean log-likelihood). Blocks weigh the same. Both ends are the mean where
// there is one block or none.
Interval block_bootstrap(std::span<const double> block_means,
                         const std::function<double(double)>& transform = {},
                         const BootstrapOptions& options = {});

}  // namespace lathe
