#include "quant/eval/chunk_texts.h"

namespace lathe {

ChunkTexts::ChunkTexts(const TextChunks& text, std::size_t first_chunk, std::size_t first_wanted) {
  const std::size_t n_ctx = text.n_ctx();
  for (std::size_t c = first_chunk; c < text.n_chunks(); ++c) {
    const std::span<const Token> tokens = text.chunk(c);
    for (std::size_t pos = 0; pos < n_ctx; ++pos) {
      const bool wanted = pos >= first_wanted && pos + 1 < n_ctx;
      items_.push_back({tokens[pos], static_cast<std::int32_t>(pos), sequence_bit(0), wanted});
    }
  }
  for (std::size_t i = 0; i < items_.size(); i += n_ctx) {
    texts_.push_back(RunText(items_).subspan(i, n_ctx));
  }
}

}  // namespace lathe
