#include "quant/eval/statistics.h"

#include <algorithm>
#include <cmath>

namespace lathe {

double Moments::mean() const noexcept { return n_ == 0 ? 0.0 : sum_ / static_cast<double>(n_); }

double Moments::error(std::size_t min_n) const noexcept {
  if (n_ < 2 || n_ < min_n) return 0.0;
  const double m = mean();
  const double variance = sum2_ / static_cast<double>(n_) - m * m;
  return variance > 0.0 ? std::sqrt(variance / static_cast<double>(n_ - 1)) : 0.0;
}

Estimate perplexity_of(const Moments& nll, std::size_t min_n) noexcept {
  const double ppl = std::exp(nll.mean());
  return {ppl, ppl * nll.error(min_n)};
}

double percentile(std::span<const double> sorted, double f) noexcept {
  if (sorted.empty()) return 0.0;
  const double at = f * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = at - static_cast<double>(below);
  return (1.0 - share) * sorted[below] + share * sorted[above];
}

}  // namespace lathe
