#include "quant/eval/paired_tests.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace lathe {

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

PairedDifference paired_bootstrap(std::span<const double> a, std::span<const double> b,
                                  const BootstrapOptions& options) {
  std::vector<double> differences(std::min(a.size(), b.size()));
  double sum = 0.0;
  for (std::size_t i = 0; i < differences.size(); ++i) {
    differences[i] = b[i] - a[i];
    sum += differences[i];
  }
  PairedDifference out;
  if (!differences.empty()) out.mean = sum / static_cast<double>(differences.size());
  out.interval = block_bootstrap(differences, {}, options);
  return out;
}

}  // namespace lathe
