// A text as the fixed pieces that perplexity, divergence and importance matrices are measured on.
//
// The tokens are cut into chunks of n_ctx; the rest at the end is dropped. Each chunk is a text of
// its own: the first token is replaced by BOS where the vocabulary wants one. Scored are the
// positions of the second half that have a successor in the chunk, so that every prediction has
// some context: n_ctx / 2 .. n_ctx - 2.
//
// With a stride, chunks are windows that start every `stride` tokens, and the last `stride` tokens
// of each are scored: every token once, each with at least n_ctx - stride tokens before it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "runtime/batch.h"

namespace lathe {

class TextChunks {
 public:
  // max_chunks 0: all; stride 0: chunks side by side. Error (kUsage) when n_ctx is too small to
  // score anything, the stride does not fit in it, or the text does not fill two chunks.
  TextChunks(std::vector<Token> tokens, std::size_t n_ctx, std::size_t max_chunks,
             std::optional<Token> bos, std::size_t stride = 0);

  std::size_t n_ctx() const noexcept { return n_ctx_; }
  std::size_t n_chunks() const noexcept { return n_chunks_; }
  std::size_t n_tokens() const noexcept { return n_chunks_ * n_ctx_; }
  std::size_t stride() const noexcept { return stride_; }
  std::span<const Token> chunk(std::size_t i) const noexcept {
    return {tokens_.data() + i * n_ctx_, n_ctx_};
  }
  // All chunks one after another as they stand in the text, first tokens included.
  std::vector<Token> text_tokens() const;

  std::size_t first_scored() const noexcept {
    return stride_ == 0 ? n_ctx_ / 2 : n_ctx_ - 1 - stride_;
  }
  std::size_t n_scored() const noexcept { return n_ctx_ - 1 - first_scored(); }  // of one chunk

 private:
  std::vector<Token> tokens_;    // [n_chunks, n_ctx] as the model sees them
  std::vector<Token> replaced_;  // [n_chunks] first tokens of the text
  std::size_t n_ctx_, n_chunks_ = 0, stride_;
};

}  // namespace lathe
