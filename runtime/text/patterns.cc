#include "runtime/text/patterns.h"

#include <array>
#include <cstdint>

#include "runtime/base/ascii.h"
#include "runtime/text/char_class.h"
#include "runtime/text/utf8.h"

namespace lathe {
namespace {

struct Unit {
  CharClass bits;        // 0 at the end of the text as well
  std::uint32_t length;  // 0 at the end of the text
};

// Most text is ASCII: its classes come from a table that is made at compile time. The test of the
// classes compares it, like every other code point, with python3-regex.
constexpr std::array<CharClass, 128> make_ascii_classes() {
  std::array<CharClass, 128> table{};
  for (unsigned c = 0; c < 128; ++c) {
    if (c >= 'A' && c <= 'Z')
      table[c] = kUpper;
    else if (c >= 'a' && c <= 'z')
      table[c] = kLower;
    else if (c >= '0' && c <= '9')
      table[c] = kNumber;
    else if (c == '\r' || c == '\n')
      table[c] = kSpace | kNewline;
    else if (c == ' ' || (c >= '\t' && c <= '\f'))
      table[c] = kSpace;
    else if (c > ' ' && c < 127 && c != '`')
      table[c] = kPunctuation;
  }
  return table;
}
constexpr std::array<CharClass, 128> kAsciiClasses = make_ascii_classes();

class Scanner {
 public:
  explicit Scanner(std::string_view text) noexcept : text_(text) {}

  Unit at(std::size_t pos) const noexcept {
    if (pos >= text_.size()) return {0, 0};
    const auto byte = static_cast<std::uint8_t>(text_[pos]);
    if (byte < 0x80) return {kAsciiClasses[byte], 1};
    const Utf8Char c = decode_utf8(text_, pos);
    return {c.status == Utf8Status::kValid ? char_class(c.code_point) : CharClass{0}, c.length};
  }

  // The byte at `pos`, 0 past the end.
  char byte(std::size_t pos) const noexcept { return pos < text_.size() ? text_[pos] : '\0'; }

  // Past the run of characters that have a bit of `mask`.
  std::size_t skip(std::size_t pos, CharClass mask) const noexcept {
    for (Unit u = at(pos); u.bits & mask; u = at(pos)) pos += u.length;
    return pos;
  }

  // Past the run of characters that have no bit of `mask`.
  std::size_t skip_others(std::size_t pos, CharClass mask) const noexcept {
    for (Unit u = at(pos); u.length != 0 && !(u.bits & mask); u = at(pos)) pos += u.length;
    return pos;
  }

  bool is_end(std::size_t pos) const noexcept { return pos >= text_.size(); }

 private:
  std::string_view text_;
};

constexpr CharClass kWordOrSpace = kLetter | kNumber | kSpace;

// What follows the apostrophe of 's 't 'm 'd 're 've 'll, as lower-case letters.
std::size_t contraction_length(char first, char second) noexcept {
  switch (first) {
    case 's':
    case 't':
    case 'm':
    case 'd':
      return 1;
    case 'r':
    case 'v':
      return second == 'e' ? 2 : 0;
    case 'l':
      return second == 'l' ? 2 : 0;
    default:
      return 0;
  }
}

std::size_t match_contraction(const Scanner& s, std::size_t pos) noexcept {
  if (s.byte(pos) != '\'') return pos;
  const std::size_t length = contraction_length(s.byte(pos + 1), s.byte(pos + 2));
  return length == 0 ? pos : pos + 1 + length;
}

// Under (?i) U+017F, the long s, matches 's' too: it folds to it. No other letter of the
// contractions has such a twin (U+212A would fold to k).
std::size_t match_contraction_any_case(const Scanner& s, std::size_t pos) noexcept {
  if (s.byte(pos) != '\'') return pos;
  if (s.byte(pos + 1) == '\xC5' && s.byte(pos + 2) == '\xBF') return pos + 3;
  const std::size_t length =
      contraction_length(ascii_lower(s.byte(pos + 1)), ascii_lower(s.byte(pos + 2)));
  return length == 0 ? pos : pos + 1 + length;
}

// `\s*[\r\n]+`: up to the last line end of the run of spaces.
std::size_t match_line_ends(const Scanner& s, std::size_t pos) noexcept {
  std::size_t end = pos;
  for (Unit u = s.at(pos); u.bits & kSpace; u = s.at(pos)) {
    pos += u.length;
    if (u.bits & kNewline) end = pos;
  }
  return end;
}

// `\s+(?!\S)|\s+`: a run of spaces leaves its last one to the word that follows.
std::size_t match_spaces(const Scanner& s, std::size_t pos) noexcept {
  std::size_t end = pos;
  std::size_t last = pos;
  for (Unit u = s.at(end); u.bits & kSpace; u = s.at(end)) {
    last = end;
    end += u.length;
  }
  return s.is_end(end) || last == pos ? end : last;
}

// ` ?[^\s\p{L}\p{N}]+`
std::size_t match_symbols(const Scanner& s, std::size_t pos) noexcept {
  const std::size_t start = s.byte(pos) == ' ' ? pos + 1 : pos;
  const std::size_t end = s.skip_others(start, kWordOrSpace);
  return end == start ? pos : end;
}

// Past the optional `[^\r\n\p{L}\p{N}]` that may open a word.
std::size_t skip_word_prefix(const Scanner& s, std::size_t pos) noexcept {
  const Unit u = s.at(pos);
  return u.bits & (kNewline | kLetter | kNumber) ? pos : pos + u.length;
}

// `[^\r\n\p{L}\p{N}]?\p{L}+`
std::size_t match_word(const Scanner& s, std::size_t pos) noexcept {
  const std::size_t start = skip_word_prefix(s, pos);
  const std::size_t end = s.skip(start, kLetter);
  return end == start ? pos : end;
}

// `\p{N}{1,limit}`
std::size_t match_number_group(const Scanner& s, std::size_t pos, int limit) noexcept {
  for (int i = 0; i < limit; ++i) {
    const Unit u = s.at(pos);
    if (!(u.bits & kNumber)) break;
    pos += u.length;
  }
  return pos;
}

std::size_t match_llama3_family(std::string_view text, std::size_t pos, int digits) noexcept {
  const Scanner s(text);
  if (const auto end = match_contraction_any_case(s, pos); end != pos) return end;
  if (const auto end = match_word(s, pos); end != pos) return end;
  if (const auto end = match_number_group(s, pos, digits); end != pos) return end;
  if (const auto end = match_symbols(s, pos); end != pos) return s.skip(end, kNewline);
  if (const auto end = match_line_ends(s, pos); end != pos) return end;
  return match_spaces(s, pos);
}

// The letters of Tekken's two cases overlap: those of no case, and marks, count as both.
constexpr CharClass kBothCases = kOtherLetter | kMark;
constexpr CharClass kUpperPart = kUpper | kBothCases;
constexpr CharClass kLowerPart = kLower | kBothCases;

// `U*W+`. When no lower-case letter follows the run of U, a backtracking engine gives characters
// back until W+ can have one: the last that is of both cases, and nothing after it.
std::size_t match_capitalized(const Scanner& s, std::size_t pos) noexcept {
  std::size_t end_of_last_both = pos;
  std::size_t end = pos;
  for (Unit u = s.at(end); u.bits & kUpperPart; u = s.at(end)) {
    end += u.length;
    if (u.bits & kBothCases) end_of_last_both = end;
  }
  return s.at(end).bits & kLower ? s.skip(end, kLowerPart) : end_of_last_both;
}

// `U+W*`
std::size_t match_upper(const Scanner& s, std::size_t pos) noexcept {
  const std::size_t end = s.skip(pos, kUpperPart);
  return end == pos ? pos : s.skip(end, kLowerPart);
}

std::size_t match_tekken_word(const Scanner& s, std::size_t pos) noexcept {
  const std::size_t start = skip_word_prefix(s, pos);
  if (const auto end = match_capitalized(s, start); end != start) return end;
  if (start != pos) {
    if (const auto end = match_capitalized(s, pos); end != pos) return end;
  }
  if (const auto end = match_upper(s, start); end != start) return end;
  return match_upper(s, pos);
}

std::size_t skip_line_ends_and_slashes(const Scanner& s, std::size_t pos) noexcept {
  while (s.byte(pos) == '/' || s.byte(pos) == '\r' || s.byte(pos) == '\n') ++pos;
  return pos;
}

}  // namespace

std::size_t match_gpt2(std::string_view text, std::size_t pos) noexcept {
  const Scanner s(text);
  if (const auto end = match_contraction(s, pos); end != pos) return end;
  const std::size_t start = s.byte(pos) == ' ' ? pos + 1 : pos;
  const Unit first = s.at(start);
  if (first.bits & kLetter) return s.skip(start, kLetter);
  if (first.bits & kNumber) return s.skip(start, kNumber);
  if (const auto end = match_symbols(s, pos); end != pos) return end;
  return match_spaces(s, pos);
}

std::size_t match_llama3(std::string_view text, std::size_t pos) noexcept {
  return match_llama3_family(text, pos, 3);
}

std::size_t match_qwen2(std::string_view text, std::size_t pos) noexcept {
  return match_llama3_family(text, pos, 1);
}

std::size_t match_tekken(std::string_view text, std::size_t pos) noexcept {
  const Scanner s(text);
  if (const auto end = match_tekken_word(s, pos); end != pos) return end;
  if (const auto end = match_number_group(s, pos, 1); end != pos) return end;
  if (const auto end = match_symbols(s, pos); end != pos) return skip_line_ends_and_slashes(s, end);
  if (const auto end = match_line_ends(s, pos); end != pos) return end;
  return match_spaces(s, pos);
}

std::size_t match_number(std::string_view text, std::size_t pos) noexcept {
  return match_number_group(Scanner(text), pos, 1);
}

std::size_t match_numbers(std::string_view text, std::size_t pos) noexcept {
  return Scanner(text).skip(pos, kNumber);
}

std::size_t match_punctuation(std::string_view text, std::size_t pos) noexcept {
  return Scanner(text).skip(pos, kPunctuation);
}

std::size_t match_three_digits(std::string_view text, std::size_t pos) noexcept {
  if (text.size() - pos < 3) return pos;
  for (std::size_t i = pos; i < pos + 3; ++i) {
    if (text[i] < '0' || text[i] > '9') return pos;
  }
  return pos + 3;
}

}  // namespace lathe
