#include "quant/eval/mean_interval.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <vector>

#include "quant/eval/chunk_blocks.h"
#include "quant/eval/student.h"

namespace lathe {
namespace {

struct MeanError {
  double mean, half_width;
};

// The mean square between blocks, m (mean of the block - mean)^2 / (k - 1) summed over blocks of m
// chunks, estimates the variance of a chunk without bias for blocks of any sizes.
MeanError mean_error(std::span<const double> values, double confidence) {
  const auto n = static_cast<double>(values.size());
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
  const std::vector<ChunkBlock> blocks = chunk_blocks(values, interval_blocks(values.size()));
  double sum = 0.0;
  for (const ChunkBlock& block : blocks) {
    const auto size = static_cast<double>(block.n_chunks);
    const double deviation = block.sum / size - mean;
    sum += size * deviation * deviation;
  }
  const std::size_t dof = blocks.size() - 1;
  const double error = std::sqrt(sum / static_cast<double>(dof) / n);
  return {mean, error * student_quantile((1.0 + confidence) / 2.0, dof)};
}

}  // namespace

std::optional<Interval> mean_interval(std::span<const double> chunk_means, double confidence) {
  if (chunk_means.size() < 2) return std::nullopt;
  const MeanError e = mean_error(chunk_means, confidence);
  return Interval{e.mean - e.half_width, e.mean + e.half_width};
}

std::optional<Interval> positive_mean_interval(std::span<const double> chunk_means,
                                               double confidence) {
  if (chunk_means.size() < 2) return std::nullopt;
  const MeanError e = mean_error(chunk_means, confidence);
  if (!(e.mean > 0.0)) return mean_interval(chunk_means, confidence);
  const double factor = std::exp(e.half_width / e.mean);  // the delta method: d ln(mean)
  return Interval{e.mean / factor, e.mean * factor};
}

std::optional<Interval> exp_of(const std::optional<Interval>& interval) {
  if (!interval) return std::nullopt;
  return Interval{std::exp(interval->low), std::exp(interval->high)};
}

std::optional<Interval> expm1_of(const std::optional<Interval>& interval) {
  if (!interval) return std::nullopt;
  return Interval{std::expm1(interval->low), std::expm1(interval->high)};
}

}  // namespace lathe
