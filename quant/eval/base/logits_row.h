// One distribution in 16 bits a token, as files of logits hold it: ln p = scale * q + min.
//
// Logits more than 16 below the largest become that floor. A row is float scale, float min, then
// uint16 q[n_vocab], padded to an even number.
#pragma once

#include <cstddef>
#include <cstdint>

#include "quant/eval/divergence.h"

namespace lathe {

// uint16 of a row, the two floats included.
constexpr std::size_t logits_row_size(std::size_t n_vocab) noexcept {
  return 2 * ((n_vocab + 1) / 2) + 4;
}

// logits: [n_vocab]; out: [logits_row_size(n_vocab)].
void encode_logits_row(const float* logits, std::size_t n_vocab, std::uint16_t* out) noexcept;

// Whether the two floats of a row are finite and of the right sign.
bool is_logits_row(const std::uint8_t* row) noexcept;

// As token_divergence, with the base in that form: its log-probabilities as decoded, and in the
// divergence only tokens with ln p > -16, which is how other programs define it. `row` may lie at
// any address.
TokenDivergence logits_row_divergence(const std::uint8_t* row, const float* logits,
                                      std::size_t n_vocab, Token target);

}  // namespace lathe
