// One distribution as its likeliest tokens and the mass of all others.
//
// Listed are tokens until the others have no more than a given mass, or the list is full. Their
// log-probabilities are kept in 16 bits between the largest and the least of the row, finer where
// they are large, and brought back to their exact sum when decoded, so that rounding does not bias
// a divergence. The others count as
// one event: by the log-sum inequality (Cover & Thomas, Elements of Information Theory, 2.7.1) a
// divergence is at most underestimated, by what the models differ within the others.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "quant/eval/divergence.h"

namespace lathe {

struct CompactOptions {
  std::size_t max_tokens = 4096;  // of a list
  double tail_mass = 1e-3;        // a list may end where the others have no more than this
};

struct CompactRow {
  double nll = 0.0;                     // of the true token, exact
  double tail = 0.0;                    // mass of the tokens that are not listed, exact
  float ln_top = 0.0f;                  // of the likeliest token
  float range = 0.0f;                   // ln p = ln_top - range (level / 65535)^2
  std::vector<Token> ids{};             // ascending
  std::vector<std::uint16_t> levels{};  // [ids]
  std::vector<Token> top{};             // the kTopOverlap likeliest, likeliest first
};

CompactRow compact_row(const float* logits, std::size_t n_vocab, Token target,
                       const CompactOptions& options);

// As token_divergence, with that as the base. The nll of the base, probabilities of the true token
// and the likeliest tokens are exact.
TokenDivergence compact_divergence(const CompactRow& base, const float* logits, std::size_t n_vocab,
                                   Token target);

}  // namespace lathe
