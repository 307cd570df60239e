// Ranges of characters as ranges of the bytes of their UTF-8: what a class of characters is to an
// automaton that reads bytes. After Ken Thompson's construction as Russ Cox describes it for RE2
// ("Regular Expression Matching in the Wild", 2010).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "runtime/text/grammar/char_ranges.h"

namespace lathe::grammar {

// All sequences whose bytes are in these ranges, one after another.
struct ByteSequence {
  struct Range {
    std::uint8_t first, last;
  };
  std::array<Range, 4> ranges;
  std::size_t length;
};

// Together they are the UTF-8 of exactly these characters; `ranges` are normalized.
std::vector<ByteSequence> byte_sequences(const CharRanges& ranges);

}  // namespace lathe::grammar
