#include "tools/jobs/calibration_chunks.h"

#include <optional>
#include <utility>
#include <vector>

namespace lathe {

TextChunks spread_chunks(const TextChunks& text, std::size_t n) {
  const std::size_t all = text.n_chunks();
  if (n == 0 || n > all) n = all;
  std::vector<Token> tokens;
  tokens.reserve(n * text.n_ctx());
  for (std::size_t i = 0; i < n; ++i) {
    const auto chunk = text.chunk(i * all / n);
    tokens.insert(tokens.end(), chunk.begin(), chunk.end());
  }
  return {std::move(tokens), text.n_ctx(), 0, std::nullopt};
}

}  // namespace lathe
