// The cuts that samplers make in a list of candidates, each on its own.
//
// Lists are cut in place. "Better" is a total order: higher logit first, then smaller id; so
// results do not depend on the algorithm of selection. Selection comes before sorting: of a
// vocabulary of 128k only the part that can stay is ever sorted.
#pragma once

#include <limits>
#include <span>
#include <vector>

#include "runtime/text/sampler.h"

namespace lathe {

// Infinities and NaN become the nearest finite number, NaN the smallest.
void copy_finite(std::span<const float> logits, std::vector<float>& out);

// The logit of a token that is not allowed.
inline constexpr float kRefused = -std::numeric_limits<float>::infinity();

// All but the allowed ones become kRefused.
void refuse_others(const TokenMask& allowed, std::span<float> logits) noexcept;

// Index of the largest element, the first among equals; NaN never is. 0 for nothing but NaN.
std::size_t index_of_max(std::span<const float> values) noexcept;

// The k best of `logits`, best first, without refused ones.
void top_k(std::span<const float> logits, std::size_t k, std::vector<Candidate>& out);

// Keeps the k best, best first.
void keep_best(std::vector<Candidate>& candidates, std::size_t k);

// Softmax of the logits; `out` gets one probability per candidate.
void softmax(std::span<const Candidate> candidates, std::vector<float>& out);

// Logits less the best one, over the temperature, which is more than 0.
void scale(std::span<Candidate> candidates, float temperature);

// A temperature between the two: the surer the model (the lower the entropy of the candidates, as a
// share of its largest), the lower.
float entropy_temperature(std::span<const Candidate> candidates, float lowest, float highest,
                          float exponent);

// Keeps the best, until their probabilities add up to p (at least one).
void keep_top_p(std::vector<Candidate>& candidates, float p);

// Keeps what is at most n standard deviations of all logits below the best one.
void keep_top_n_sigma(std::vector<Candidate>& candidates, float n);

// Drops all that have at least this probability but the least probable of them.
void exclude_top_choices(std::vector<Candidate>& candidates, float threshold);

// Keeps what is at least p times as probable as the best.
void keep_min_p(std::vector<Candidate>& candidates, float p);

// Keeps the candidates whose surprise is nearest to the entropy, until they add up to p.
void keep_typical(std::vector<Candidate>& candidates, float p);

}  // namespace lathe
