// Sets of characters as sorted ranges of code points. Surrogates are no characters: no set holds
// them.
#pragma once

#include <vector>

namespace lathe::grammar {

inline constexpr char32_t kLastCodePoint = 0x10FFFF;

struct CharRange {
  char32_t first, last;  // both inside

  bool operator==(const CharRange&) const = default;
};
using CharRanges = std::vector<CharRange>;

// Sorted, without overlaps, neighbours joined, surrogates taken out.
CharRanges normalized(CharRanges ranges);

// All characters that are not in `ranges`, which are normalized.
CharRanges complement(const CharRanges& ranges);

}  // namespace lathe::grammar
