// Chunks of a text in blocks of neighbours.
//
// Neighbouring chunks come from the same page and are alike (their mean log-likelihoods correlate
// by 0.1 to 0.3), so n chunks say less than n independent values. Blocks of neighbours depend on
// each other far less: this is the method of batch means (Schmeiser, "Batch size effects in the
// analysis of simulation output", Operations Research 30, 1982, who finds that more than 30 blocks
// gain next to nothing).
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace lathe {

inline constexpr std::size_t kMaxBlocks = 30;

struct ChunkBlock {
  std::size_t n_chunks = 0;
  double sum = 0.0;
};

// n_blocks (1 to the number of chunks) blocks, whose sizes differ by at most one chunk.
std::vector<ChunkBlock> chunk_blocks(std::span<const double> values, std::size_t n_blocks);

// For an interval: blocks of two where three of them are left, and of ten where ten are left.
std::size_t interval_blocks(std::size_t n_chunks) noexcept;

// For a test, which cannot speak with few blocks (its least p value is 2 / 2^blocks): single chunks
// up to ten, blocks of two where ten of them are left, of five where twenty are left.
std::size_t test_blocks(std::size_t n_chunks) noexcept;

}  // namespace lathe
