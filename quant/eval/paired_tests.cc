#include "quant/eval/paired_tests.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "quant/eval/chunk_blocks.h"

namespace lathe {
namespace {

// The sums of blocks under every pattern of signs, ascending; {0} of no blocks.
std::vector<double> signed_sums(std::span<const ChunkBlock> blocks) {
  std::vector<double> sums = {0.0};
  for (const ChunkBlock& block : blocks) {
    const std::size_t n = sums.size();
    sums.resize(2 * n);
    for (std::size_t i = 0; i < n; ++i) {
      sums[n + i] = sums[i] + block.sum;
      sums[i] -= block.sum;
    }
  }
  std::sort(sums.begin(), sums.end());
  return sums;
}

}  // namespace

Discordant count_discordant(const std::vector<bool>& a, const std::vector<bool>& b) noexcept {
  Discordant d;
  for (std::size_t i = 0; i < a.size(); ++i) {
    d.only_a += a[i] && !b[i] ? 1 : 0;
    d.only_b += b[i] && !a[i] ? 1 : 0;
  }
  return d;
}

double mcnemar_p(const Discordant& d) noexcept {
  const std::size_t n = d.only_a + d.only_b, fewer = std::min(d.only_a, d.only_b);
  // Sum of C(n, k) / 2^n for k <= fewer, each term from the one before it; in logarithms, because
  // 2^-n may be less than a double can hold.
  double ln_term = -static_cast<double>(n) * std::numbers::ln2, tail = std::exp(ln_term);
  for (std::size_t k = 1; k <= fewer; ++k) {
    ln_term += std::log(static_cast<double>(n - k + 1) / static_cast<double>(k));
    tail += std::exp(ln_term);
  }
  return std::min(1.0, 2.0 * tail);
}

Interval share_difference_interval(const Discordant& d, std::size_t n_tasks) noexcept {
  const auto n = static_cast<double>(n_tasks) + 2.0;
  const double a = (static_cast<double>(d.only_a) + 1.0) / n,
               b = (static_cast<double>(d.only_b) + 1.0) / n;
  const double half = kZ95 * std::sqrt((a + b - (b - a) * (b - a)) / n);
  return {std::max(-1.0, b - a - half), std::min(1.0, b - a + half)};
}

double sign_flip_p(std::span<const double> differences) {
  if (differences.empty()) return 1.0;
  const std::vector<ChunkBlock> blocks = chunk_blocks(differences, test_blocks(differences.size()));
  double sum = 0.0, size = 0.0;
  for (const ChunkBlock& block : blocks) {
    sum += block.sum;
    size += std::abs(block.sum);
  }
  // Patterns whose sums differ by rounding alone are as far from zero as the one that was seen.
  constexpr double kRounding = 1e-12;
  const double seen = std::abs(sum) - kRounding * size;
  if (seen <= 0.0) return 1.0;
  const std::span<const ChunkBlock> all(blocks);
  const std::vector<double> first = signed_sums(all.first(blocks.size() / 2)),
                            second = signed_sums(all.subspan(blocks.size() / 2));
  // Of each sum of the first half, the sums of the second that reach `seen` with it; those that
  // reach -`seen` are as many.
  std::size_t n_reaching = 0, n_short = second.size();
  for (const double s : first) {
    while (n_short > 0 && s + second[n_short - 1] >= seen) --n_short;
    n_reaching += second.size() - n_short;
  }
  return std::min(
      1.0, std::ldexp(2.0 * static_cast<double>(n_reaching), -static_cast<int>(blocks.size())));
}

double least_sign_flip_p(std::size_t n_chunks) noexcept {
  return std::ldexp(1.0, 1 - static_cast<int>(test_blocks(std::max<std::size_t>(n_chunks, 1))));
}

PairedDifference paired_difference(std::span<const double> a, std::span<const double> b) {
  std::vector<double> differences(std::min(a.size(), b.size()));
  for (std::size_t i = 0; i < differences.size(); ++i) differences[i] = b[i] - a[i];
  PairedDifference out;
  if (differences.empty()) return out;
  out.mean = std::accumulate(differences.begin(), differences.end(), 0.0) /
             static_cast<double>(differences.size());
  out.interval = mean_interval(differences);
  out.p = sign_flip_p(differences);
  return out;
}

}  // namespace lathe
