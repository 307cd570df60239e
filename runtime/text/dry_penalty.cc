#include "runtime/text/dry_penalty.h"

#include <algorithm>
#include <cmath>

namespace lathe {
namespace {

constexpr float kLargestPenalty = 1e30f;  // what is left of a logit then is finite, and hopeless

}  // namespace

DryPenalty::DryPenalty(const DryParams& params) : params_(params) {
  std::sort(params_.breakers.begin(), params_.breakers.end());
}

bool DryPenalty::is_breaker(Token token) const noexcept {
  return std::binary_search(params_.breakers.begin(), params_.breakers.end(), token);
}

void DryPenalty::accept(Token token) {
  if (is_on()) history_.push_back(token);
}

// The Z function of the reversed text (Gusfield 1997): how long a sequence ends both at the end of
// the text and k tokens before it.
void DryPenalty::find_repeats(std::span<const Token> recent) {
  const std::size_t n = recent.size();
  const auto back = [&](std::size_t i) { return recent[n - 1 - i]; };
  repeats_.assign(n, 0);
  for (std::size_t k = 1, left = 0, right = 0; k < n; ++k) {
    std::size_t length = k < right ? std::min(right - k, repeats_[k - left]) : 0;
    while (k + length < n && back(length) == back(k + length)) ++length;
    repeats_[k] = length;
    if (k + length <= right) continue;
    left = k;
    right = k + length;
  }
}

void DryPenalty::apply(std::span<float> logits) {
  if (!is_on() || history_.empty()) return;
  std::span<const Token> recent = history_;
  if (params_.window > 0 && recent.size() > static_cast<std::size_t>(params_.window)) {
    recent = recent.last(static_cast<std::size_t>(params_.window));
  }
  // Nothing reaches over the last breaker.
  const auto breaker =
      std::find_if(recent.rbegin(), recent.rend(), [&](Token t) { return is_breaker(t); });
  const auto limit = static_cast<std::size_t>(breaker - recent.rbegin());
  if (limit == 0) return;
  find_repeats(recent);
  longest_.resize(logits.size());
  const std::size_t n = recent.size();
  const auto allowed = static_cast<std::size_t>(std::max(params_.allowed_length, 1));
  for (std::size_t k = 1; k < n; ++k) {
    const std::size_t length = std::min(repeats_[k], limit);
    const Token next = recent[n - k];
    if (length < allowed || next < 0 || static_cast<std::size_t>(next) >= logits.size()) continue;
    if (is_breaker(next)) continue;
    std::size_t& longest = longest_[static_cast<std::size_t>(next)];
    longest = std::max(longest, length);
  }
  for (const Token token : recent) {
    if (token < 0 || static_cast<std::size_t>(token) >= logits.size()) continue;
    std::size_t& longest = longest_[static_cast<std::size_t>(token)];
    if (longest == 0) continue;
    const float penalty =
        params_.multiplier * std::pow(params_.base, static_cast<float>(longest - allowed));
    logits[static_cast<std::size_t>(token)] -= std::min(penalty, kLargestPenalty);
    longest = 0;
  }
}

}  // namespace lathe
