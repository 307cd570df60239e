// The chunks of a text as the texts of a run.
#pragma once

#include <span>
#include <vector>

#include "quant/eval/text_chunks.h"
#include "runtime/forward/forward_runner.h"

namespace lathe {

// Chunks from `first_chunk` on. Logits are wanted of the positions from first_wanted on that have a
// successor; first_wanted >= n_ctx asks for none.
class ChunkTexts {
 public:
  ChunkTexts(const TextChunks& text, std::size_t first_chunk, std::size_t first_wanted);

  std::span<const RunText> texts() const noexcept { return texts_; }

 private:
  std::vector<BatchItem> items_;
  std::vector<RunText> texts_;
};

}  // namespace lathe
