#include "runtime/text/grammar/utf8_ranges.h"

#include <string>

#include "runtime/text/utf8.h"

namespace lathe::grammar {
namespace {

// The last characters of one, two, three and four bytes.
constexpr char32_t kLastOfLength[] = {0x7F, 0x7FF, 0xFFFF, kLastCodePoint};

void add_sequence(CharRange range, std::vector<ByteSequence>& out) {
  std::string first, last;
  append_utf8(first, range.first);
  append_utf8(last, range.last);
  ByteSequence sequence{{}, first.size()};
  for (std::size_t i = 0; i < first.size(); ++i) {
    sequence.ranges[i] = {static_cast<std::uint8_t>(first[i]), static_cast<std::uint8_t>(last[i])};
  }
  out.push_back(sequence);
}

// Cuts where the lengths change, and where the bytes behind a byte that differs do not go through
// all of their values; what is left is one sequence of ranges.
void split(CharRange range, std::vector<ByteSequence>& out) {
  for (const char32_t last : kLastOfLength) {
    if (range.first <= last && last < range.last) {
      split({range.first, last}, out);
      split({last + 1, range.last}, out);
      return;
    }
  }
  if (range.last > kLastOfLength[0]) {
    for (unsigned bits = 6; bits <= 18; bits += 6) {
      const char32_t low = (char32_t{1} << bits) - 1;
      if ((range.first & ~low) == (range.last & ~low)) break;
      if ((range.first & low) != 0) {
        split({range.first, range.first | low}, out);
        split({(range.first | low) + 1, range.last}, out);
        return;
      }
      if ((range.last & low) != low) {
        split({range.first, (range.last & ~low) - 1}, out);
        split({range.last & ~low, range.last}, out);
        return;
      }
    }
  }
  add_sequence(range, out);
}

}  // namespace

std::vector<ByteSequence> byte_sequences(const CharRanges& ranges) {
  std::vector<ByteSequence> out;
  for (const CharRange& range : ranges) split(range, out);
  return out;
}

}  // namespace lathe::grammar
