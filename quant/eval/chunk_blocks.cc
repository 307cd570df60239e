#include "quant/eval/chunk_blocks.h"

#include <algorithm>
#include <numeric>

namespace lathe {

std::vector<ChunkBlock> chunk_blocks(std::span<const double> values, std::size_t n_blocks) {
  const std::size_t n = values.size();
  std::vector<ChunkBlock> blocks(n_blocks);
  for (std::size_t b = 0; b < n_blocks; ++b) {
    const std::size_t begin = b * n / n_blocks, end = (b + 1) * n / n_blocks;
    const auto block = values.subspan(begin, end - begin);
    blocks[b] = {block.size(), std::accumulate(block.begin(), block.end(), 0.0)};
  }
  return blocks;
}

std::size_t interval_blocks(std::size_t n_chunks) noexcept {
  const std::size_t pairs = (n_chunks + 1) / 2, tens = n_chunks / 10;
  const std::size_t n_blocks = std::max(std::min<std::size_t>(pairs, 10), tens);
  return std::clamp(n_blocks, std::min<std::size_t>(n_chunks, 3), kMaxBlocks);
}

std::size_t test_blocks(std::size_t n_chunks) noexcept {
  const std::size_t pairs = (n_chunks + 1) / 2, tens = n_chunks / 10;
  const std::size_t n_blocks = std::max(std::min<std::size_t>(pairs, 20), tens);
  return std::clamp(n_blocks, std::min<std::size_t>(n_chunks, 10), kMaxBlocks);
}

}  // namespace lathe
