#include "quant/eval/text_chunks.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kMinContext = 4;
constexpr std::size_t kMinChunks = 2;

}  // namespace

TextChunks::TextChunks(std::vector<Token> tokens, std::size_t n_ctx, std::size_t max_chunks,
                       std::optional<Token> bos)
    : tokens_(std::move(tokens)), n_ctx_(n_ctx) {
  if (n_ctx < kMinContext) {
    throw usage_error(fmt::format("a context of {} tokens is too short to score", n_ctx));
  }
  n_chunks_ = tokens_.size() / n_ctx;
  if (n_chunks_ < kMinChunks) {
    throw usage_error(fmt::format("the text has {} tokens; {} chunks of {} need at least {}",
                                  tokens_.size(), kMinChunks, n_ctx, kMinChunks * n_ctx));
  }
  if (max_chunks > 0) n_chunks_ = std::min(n_chunks_, max_chunks);
  tokens_.resize(n_chunks_ * n_ctx);
  if (bos) {
    for (std::size_t i = 0; i < n_chunks_; ++i) tokens_[i * n_ctx] = *bos;
  }
}

}  // namespace lathe
