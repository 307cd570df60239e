// The cuts that samplers make in a list of candidates, each on its own.
//
// Lists are cut in place. "Better" is a total order: higher logit first, then smaller id; so
// results do not depend on the algorithm of selection. Selection comes before sorting: of a
// vocabulary of 128k only the part that can stay is ever sorted.
#pragma once

#include <span>
#include <vector>

#include "runtime/text/sampler.h"

namespace lathe {

// Infinities and NaN become the nearest finite number, NaN the smallest.
void copy_finite(std::span<const float> logits, std::vector<float>& out);

// Index of the largest element, the first among equals; NaN never is. 0 for nothing but NaN.
std::size_t index_of_max(std::span<const float> values) noexcept;

// The k best of `logits`, best first.
void top_k(std::span<const float> logits, std::size_t k, std::vector<Candidate>& out);

// Keeps the k best, best first.
void keep_best(std::vector<Candidate>& candidates, std::size_t k);

// Softmax of logits / temperature; `out` gets one probability per candidate.
void softmax(std::span<const Candidate> candidates, float temperature, std::vector<float>& out);

// Keeps the best, until their probabilities add up to p (at least one).
void keep_top_p(std::vector<Candidate>& candidates, float p);

// Keeps what is at least p times as probable as the best.
void keep_min_p(std::vector<Candidate>& candidates, float p);

// Keeps the candidates whose surprise is nearest to the entropy, until they add up to p.
void keep_typical(std::vector<Candidate>& candidates, float p);

}  // namespace lathe
