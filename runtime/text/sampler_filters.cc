#include "runtime/text/sampler_filters.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace lathe {
namespace {

constexpr float kLargest = std::numeric_limits<float>::max();

bool better(const Candidate& a, const Candidate& b) noexcept {
  return a.logit != b.logit ? a.logit > b.logit : a.token < b.token;
}

float best_logit(std::span<const Candidate> candidates) noexcept {
  float best = -kLargest;
  for (const Candidate& c : candidates) best = std::max(best, c.logit);
  return best;
}

// Keeps the first candidates in the order of `before` whose mass reaches p. Only as much as that is
// sorted: chunks of growing size are selected, sorted and summed one after another.
template <typename Before, typename Mass>
void keep_mass(std::vector<Candidate>& candidates, double p, const Before& before,
               const Mass& mass) {
  double sum = 0;
  std::size_t done = 0;
  for (std::size_t chunk = 128; done < candidates.size(); chunk *= 4) {
    const auto first = candidates.begin() + static_cast<std::ptrdiff_t>(done);
    const std::size_t end = done + std::min(chunk, candidates.size() - done);
    const auto last = candidates.begin() + static_cast<std::ptrdiff_t>(end);
    if (last != candidates.end()) std::nth_element(first, last, candidates.end(), before);
    std::sort(first, last, before);
    while (done < end) {
      sum += mass(candidates[done++]);
      if (sum < p) continue;
      candidates.resize(done);
      return;
    }
  }
}

struct Normalizer {
  float best;
  double sum;
  double probability(const Candidate& c) const { return std::exp(c.logit - best) / sum; }
};

Normalizer normalizer_of(std::span<const Candidate> candidates) {
  const float best = best_logit(candidates);
  double sum = 0;
  for (const Candidate& c : candidates) sum += std::exp(c.logit - best);
  return {best, sum};
}

}  // namespace

void copy_finite(std::span<const float> logits, std::vector<float>& out) {
  out.resize(logits.size());
  for (std::size_t i = 0; i < logits.size(); ++i) {
    const float x = logits[i];
    const float at_least = x > -kLargest ? x : -kLargest;  // NaN compares false
    out[i] = at_least < kLargest ? at_least : kLargest;
  }
}

void refuse_others(const TokenMask& allowed, std::span<float> logits) noexcept {
  const std::size_t n = std::min(logits.size(), allowed.n_vocab());
  allowed.for_each_other([&](Token token) {
    if (static_cast<std::size_t>(token) < n) logits[static_cast<std::size_t>(token)] = kRefused;
  });
  // Rows of logits that no token has.
  std::fill(logits.begin() + static_cast<std::ptrdiff_t>(n), logits.end(), kRefused);
}

std::size_t index_of_max(std::span<const float> values) noexcept {
  std::size_t best = 0;
  float best_value = -std::numeric_limits<float>::infinity();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] > best_value) {
      best_value = values[i];
      best = i;
    }
  }
  return best;
}

// A heap of the k best so far, its worst on top: most logits cost one comparison.
void top_k(std::span<const float> logits, std::size_t k, std::vector<Candidate>& out) {
  out.clear();
  k = std::min(k, logits.size());
  if (k == 0) return;
  for (std::size_t i = 0; i < k; ++i) out.push_back({static_cast<Token>(i), logits[i]});
  std::make_heap(out.begin(), out.end(), better);
  float worst = out.front().logit;
  for (std::size_t i = k; i < logits.size(); ++i) {
    if (!(logits[i] > worst)) continue;  // among equals the earlier one stays
    std::pop_heap(out.begin(), out.end(), better);
    out.back() = {static_cast<Token>(i), logits[i]};
    std::push_heap(out.begin(), out.end(), better);
    worst = out.front().logit;
  }
  std::sort(out.begin(), out.end(), better);
  while (!out.empty() && out.back().logit == kRefused) out.pop_back();
}

void keep_best(std::vector<Candidate>& candidates, std::size_t k) {
  if (k < candidates.size()) {
    std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(k),
                     candidates.end(), better);
    candidates.resize(k);
  }
  std::sort(candidates.begin(), candidates.end(), better);
}

void softmax(std::span<const Candidate> candidates, std::vector<float>& out) {
  out.resize(candidates.size());
  const float best = best_logit(candidates);
  double sum = 0;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    out[i] = std::exp(candidates[i].logit - best);
    sum += out[i];
  }
  const auto scale = static_cast<float>(1 / sum);
  for (float& p : out) p *= scale;
}

// Less the best one, so that a low temperature does not overflow.
void scale(std::span<Candidate> candidates, float temperature) {
  const float best = best_logit(candidates);
  for (Candidate& c : candidates) {
    c.logit = std::max((c.logit - best) / temperature, -kLargest);
  }
}

float entropy_temperature(std::span<const Candidate> candidates, float lowest, float highest,
                          float exponent) {
  constexpr float kLowest = 1e-3f;  // near enough to greedy
  lowest = std::max(lowest, kLowest);
  if (candidates.size() < 2) return std::max(highest, kLowest);
  const Normalizer all = normalizer_of(candidates);
  double entropy = 0;
  for (const Candidate& c : candidates) {
    const double p = all.probability(c);
    if (p > 0) entropy -= p * std::log(p);
  }
  const double share = entropy / std::log(static_cast<double>(candidates.size()));
  return lowest + (highest - lowest) * static_cast<float>(std::pow(share, exponent));
}

void keep_top_n_sigma(std::vector<Candidate>& candidates, float n) {
  double sum = 0, squares = 0;
  std::size_t n_possible = 0;
  for (const Candidate& c : candidates) {
    if (c.logit == -kLargest) continue;  // impossible ones are no part of the distribution
    sum += c.logit;
    ++n_possible;
  }
  if (n_possible == 0) return;
  const double mean = sum / static_cast<double>(n_possible);
  for (const Candidate& c : candidates) {
    if (c.logit != -kLargest) squares += (c.logit - mean) * (c.logit - mean);
  }
  const double sigma = std::sqrt(squares / static_cast<double>(n_possible));
  const double limit = best_logit(candidates) - n * sigma;
  std::erase_if(candidates, [&](const Candidate& c) { return c.logit < limit; });
}

void exclude_top_choices(std::vector<Candidate>& candidates, float threshold) {
  const Normalizer all = normalizer_of(candidates);
  const Candidate* least = nullptr;
  for (const Candidate& c : candidates) {
    if (all.probability(c) < threshold) continue;
    if (least == nullptr || better(*least, c)) least = &c;
  }
  if (least == nullptr) return;
  const Candidate kept = *least;
  std::erase_if(candidates, [&](const Candidate& c) { return better(c, kept); });
}

void keep_top_p(std::vector<Candidate>& candidates, float p) {
  const Normalizer all = normalizer_of(candidates);
  keep_mass(candidates, p, better, [&](const Candidate& c) { return all.probability(c); });
}

void keep_min_p(std::vector<Candidate>& candidates, float p) {
  const float limit = best_logit(candidates) + std::log(p);
  std::erase_if(candidates, [&](const Candidate& c) { return c.logit < limit; });
}

void keep_typical(std::vector<Candidate>& candidates, float p) {
  const Normalizer all = normalizer_of(candidates);
  const double log_sum = std::log(all.sum);
  const auto surprise = [&](const Candidate& c) { return log_sum - (c.logit - all.best); };
  double entropy = 0;
  for (const Candidate& c : candidates) {
    const double probability = all.probability(c);
    if (probability > 0) entropy += probability * surprise(c);
  }
  const auto nearer = [&](const Candidate& a, const Candidate& b) {
    const double distance_a = std::abs(surprise(a) - entropy);
    const double distance_b = std::abs(surprise(b) - entropy);
    return distance_a != distance_b ? distance_a < distance_b : better(a, b);
  };
  keep_mass(candidates, p, nearer, [&](const Candidate& c) { return all.probability(c); });
}

}  // namespace lathe
