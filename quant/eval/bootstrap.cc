#include "quant/eval/bootstrap.h"

#include <algorithm>
#include <vector>

#include "quant/eval/statistics.h"

namespace lathe {
namespace {

// SplitMix64 (Steele, Lea, Flood 2014): small, and the same everywhere.
class Random {
 public:
  explicit Random(std::uint64_t seed) noexcept : state_(seed) {}

  // Uniform in [0, n), but for a bias below n / 2^64.
  std::size_t below(std::size_t n) noexcept { return static_cast<std::size_t>(next() % n); }

 private:
  std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
  }
  std::uint64_t state_;
};

double mean_of(std::span<const double> x) noexcept {
  double sum = 0.0;
  for (const double v : x) sum += v;
  return x.empty() ? 0.0 : sum / static_cast<double>(x.size());
}

}  // namespace

Interval block_bootstrap(std::span<const double> block_means,
                         const std::function<double(double)>& transform,
                         const BootstrapOptions& options) {
  const auto value = [&](double mean) { return transform ? transform(mean) : mean; };
  const std::size_t n = block_means.size();
  if (n < 2) return {value(mean_of(block_means)), value(mean_of(block_means))};
  Random random(options.seed);
  std::vector<double> means(options.n_resamples);
  for (double& mean : means) {
    double sum = 0.0;
    for (std::size_t i = 0; i < n; ++i) sum += block_means[random.below(n)];
    mean = value(sum / static_cast<double>(n));
  }
  std::sort(means.begin(), means.end());
  const double tail = (1.0 - options.confidence) / 2.0;
  return {percentile(means, tail), percentile(means, 1.0 - tail)};
}

}  // namespace lathe
