#include "quant/eval/holm.h"

#include <algorithm>
#include <cstddef>
#include <numeric>

namespace lathe {

std::vector<double> holm_adjusted(std::span<const double> p) {
  std::vector<std::size_t> order(p.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p[a] < p[b]; });
  std::vector<double> adjusted(p.size());
  double least = 0.0;  // no test passes before one with a smaller p
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double n_left = static_cast<double>(order.size() - i);
    least = std::max(least, std::min(1.0, n_left * p[order[i]]));
    adjusted[order[i]] = least;
  }
  return adjusted;
}

}  // namespace lathe
