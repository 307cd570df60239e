// One chunk of text through one or more models side by side, logits handed over slice by slice.
//
// Logits of a large vocabulary are large (half a megabyte a row), so only some rows exist at a
// time: a pass is cut where the rows that want logits would be more than the session keeps. What is
// computed does not depend on these cuts (panel path, runtime/exec_context.h).
#pragma once

#include <cstddef>
#include <functional>
#include <span>

#include "runtime/session.h"

namespace lathe {

// Logits [n_rows, n_vocab] of every model for positions first_pos .. first_pos + n_rows - 1.
using LogitSink = std::function<void(std::size_t first_pos,
                                     std::span<const MatrixView<const float>> logits_by_model)>;

// Clears the sessions and runs `tokens` from position 0. Positions from first_scored on that have a
// successor go to the sink; first_scored >= tokens.size() asks for none. The sessions have the same
// n_batch and max_logits. Error (kFailed) when a cache has no room.
void run_chunk(std::span<Session* const> sessions, std::span<const Token> tokens,
               std::size_t first_scored, const LogitSink& sink);

// Rows of logits that a session for evaluation keeps: what fits a fixed amount of memory, at least
// a few, at most n_batch.
std::size_t logit_rows(std::size_t n_vocab, std::size_t n_batch) noexcept;

}  // namespace lathe
