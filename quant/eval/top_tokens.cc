#include "quant/eval/top_tokens.h"

#include <algorithm>

namespace lathe {

// An insertion sort that most values leave at the first comparison: k is small.
std::vector<Token> top_tokens(std::span<const float> values, std::size_t k) {
  std::vector<Token> top;
  k = std::min(k, values.size());
  if (k == 0) return top;
  top.reserve(k + 1);
  const auto value = [&](Token t) { return values[static_cast<std::size_t>(t)]; };
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (top.size() == k && !(values[i] > value(top.back()))) continue;
    const auto place = std::upper_bound(top.begin(), top.end(), values[i],
                                        [&](float v, Token t) { return v > value(t); });
    top.insert(place, static_cast<Token>(i));
    if (top.size() > k) top.pop_back();
  }
  return top;
}

double overlap(std::span<const Token> base, std::span<const Token> other) noexcept {
  if (base.empty()) return 1.0;
  const auto n = std::count_if(base.begin(), base.end(), [&](Token t) {
    return std::find(other.begin(), other.end(), t) != other.end();
  });
  return static_cast<double>(n) / static_cast<double>(base.size());
}

}  // namespace lathe
