#include "runtime/text/grammar/char_ranges.h"

#include <algorithm>

namespace lathe::grammar {
namespace {

constexpr CharRange kSurrogates = {0xD800, 0xDFFF};

CharRanges without_surrogates(const CharRanges& ranges) {
  CharRanges out;
  for (const CharRange& r : ranges) {
    if (r.first < kSurrogates.first) {
      out.push_back({r.first, std::min<char32_t>(r.last, kSurrogates.first - 1)});
    }
    if (r.last > kSurrogates.last)
      out.push_back({std::max<char32_t>(r.first, kSurrogates.last + 1), r.last});
  }
  return out;
}

}  // namespace

CharRanges normalized(CharRanges ranges) {
  const auto by_first = [](const CharRange& a, const CharRange& b) { return a.first < b.first; };
  std::sort(ranges.begin(), ranges.end(), by_first);
  CharRanges joined;
  for (const CharRange& r : ranges) {
    if (!joined.empty() && r.first <= joined.back().last + 1) {
      joined.back().last = std::max(joined.back().last, r.last);
    } else {
      joined.push_back(r);
    }
  }
  return without_surrogates(joined);
}

CharRanges complement(const CharRanges& ranges) {
  CharRanges out;
  char32_t next = 0;
  for (const CharRange& r : ranges) {
    if (r.first > next) out.push_back({next, r.first - 1});
    next = r.last + 1;
  }
  if (next <= kLastCodePoint) out.push_back({next, kLastCodePoint});
  return without_surrogates(out);
}

}  // namespace lathe::grammar
