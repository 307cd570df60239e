// Measures something at every scored position of a text, chunk by chunk.
//
// What was measured is kept as plain numbers, from which every figure is computed afterwards: so an
// interrupted measurement can go on (quant/eval/eval_checkpoint.h), and models can be compared
// position by position.
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "quant/eval/eval_checkpoint.h"
#include "quant/eval/eval_context.h"
#include "quant/eval/text_chunks.h"

namespace lathe {

// By chunk: [n_scored, width] numbers.
using ChunkRecords = UnitRecords;

// One scored position: each model's logits [n_vocab].
struct ScoredRow {
  std::size_t chunk, row;  // row: counted from first_scored() of the chunk
  std::span<const float* const> logits;
  std::size_t n_vocab;
  Token target;
};

struct RowMeasure {
  std::size_t width = 1;
  // Writes `width` numbers; called by several threads at once, must not throw.
  std::function<void(const ScoredRow&, double* out)> measure;
  // Called before rows of a chunk are measured, chunk after chunk; may throw (optional).
  std::function<void(std::size_t chunk)> prepare{};
  // All logits of the first model, in the order of the text, as they come (optional).
  std::function<void(MatrixView<const float>)> on_logits{};
};

// Called often, with the chunks that are complete, the share of the work that is done and what is
// being done; false stops.
using ChunkProgress =
    std::function<bool(const ChunkRecords&, double fraction, std::string_view step)>;

// Goes on after the chunks that `records` has, and adds the others. Error (kFailed) when stopped,
// and at the first value that is not finite, naming chunk, model, layer and tensor; `records` then
// holds what is complete.
void measure_chunks(const EvalContext& context, const TextChunks& text, const RowMeasure& row,
                    ChunkRecords& records, const ChunkProgress& progress = {});

}  // namespace lathe
