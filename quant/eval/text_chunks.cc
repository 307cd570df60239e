#include "quant/eval/text_chunks.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kMinContext = 4;
constexpr std::size_t kMinChunks = 2;

void check(std::size_t n_ctx, std::size_t stride) {
  if (n_ctx < kMinContext) {
    throw usage_error(fmt::format("a context of {} tokens is too short to score", n_ctx));
  }
  if (stride >= n_ctx) {
    throw usage_error(
        fmt::format("a stride of {} tokens needs a context that is longer, not {}", stride, n_ctx));
  }
}

}  // namespace

TextChunks::TextChunks(std::vector<Token> tokens, std::size_t n_ctx, std::size_t max_chunks,
                       std::optional<Token> bos, std::size_t stride)
    : n_ctx_(n_ctx), stride_(stride) {
  check(n_ctx, stride);
  const std::size_t step = stride == 0 ? n_ctx : stride;
  if (tokens.size() >= n_ctx) n_chunks_ = (tokens.size() - n_ctx) / step + 1;
  if (n_chunks_ < kMinChunks) {
    throw usage_error(fmt::format("the text has {} tokens; {} chunks of {} need at least {}",
                                  tokens.size(), kMinChunks, n_ctx,
                                  n_ctx + (kMinChunks - 1) * step));
  }
  if (max_chunks > 0) n_chunks_ = std::min(n_chunks_, max_chunks);
  tokens_.reserve(n_chunks_ * n_ctx);
  for (std::size_t i = 0; i < n_chunks_; ++i) {
    const auto first = tokens.begin() + static_cast<std::ptrdiff_t>(i * step);
    tokens_.insert(tokens_.end(), first, first + static_cast<std::ptrdiff_t>(n_ctx));
    replaced_.push_back(*first);
    if (bos) tokens_[i * n_ctx] = *bos;
  }
}

std::vector<Token> TextChunks::text_tokens() const {
  std::vector<Token> out = tokens_;
  for (std::size_t i = 0; i < n_chunks_; ++i) out[i * n_ctx_] = replaced_[i];
  return out;
}

}  // namespace lathe
