// A batch: a list of (token, position, set of sequences). The unit of every forward pass.
//
// An item may belong to several sequences at once: the common prefix of several answers is computed
// once and its cells in the cache are shared.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace lathe {

using Token = std::int32_t;

// Bit s is set when the item belongs to sequence s.
using SequenceMask = std::uint64_t;
inline constexpr int kMaxSequences = 64;
constexpr SequenceMask sequence_bit(int s) noexcept { return SequenceMask{1} << s; }

struct BatchItem {
  Token token = 0;
  std::int32_t pos = 0;
  SequenceMask sequences = 1;
  bool want_logits = false;
};

using Batch = std::span<const BatchItem>;

}  // namespace lathe
