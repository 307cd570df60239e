// Regular expressions (ECMA 262, as JSON schema uses them) as expressions of GBNF over the inside
// of a JSON string, where quotes, backslashes and control characters are written as escapes.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>

#include "runtime/base/quote.h"
#include "runtime/text/grammar/char_ranges.h"
#include "runtime/text/grammar/schema.h"
#include "runtime/text/utf8.h"

namespace lathe::grammar {
namespace {

constexpr int kMostNesting = 40;
constexpr const char* kAnyChars = "json-char*";

constexpr CharRange kDigit[] = {{'0', '9'}};
constexpr CharRange kWord[] = {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
constexpr CharRange kSpace[] = {{0x09, 0x0D},     {0x20, 0x20},     {0xA0, 0xA0},
                                {0x1680, 0x1680}, {0x2000, 0x200A}, {0x2028, 0x2029},
                                {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000}};
constexpr CharRange kMark = {0xFEFF, 0xFEFF};  // white space to ECMA 262, to others none: left out
constexpr CharRange kLineEnds[] = {{0x0A, 0x0A}, {0x0D, 0x0D}, {0x2028, 0x2029}};

CharRanges all_of(std::span<const CharRange> ranges) { return {ranges.begin(), ranges.end()}; }
CharRanges all_but(std::span<const CharRange> ranges) { return complement(all_of(ranges)); }

CharRanges without(const CharRanges& ranges, CharRange other) {
  CharRanges rest = complement(ranges);
  rest.push_back(other);
  return complement(normalized(std::move(rest)));
}

std::string class_char(char32_t c) {
  if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
    return std::string(1, static_cast<char>(c));
  }
  return fmt::format("\\U{:08X}", static_cast<std::uint32_t>(c));
}

bool needs_escape(char32_t c) { return c < 0x20 || c == '"' || c == '\\'; }

// The characters as they stand in a JSON string.
std::string chars_expression(const CharRanges& ranges) {
  const CharRanges plain = normalized({{0x20, 0x21}, {0x23, 0x5B}, {0x5D, kLastCodePoint}});
  std::string inside, choices;
  for (const CharRange& r : ranges) {
    for (const CharRange& p : plain) {
      const char32_t first = std::max(r.first, p.first), last = std::min(r.last, p.last);
      if (first > last) continue;
      inside += class_char(first);
      if (first < last) inside.append(1, '-').append(class_char(last));
    }
  }
  if (!inside.empty()) choices = "[" + inside + "]";
  for (const CharRange& r : ranges) {
    for (char32_t c = r.first; c <= std::min<char32_t>(r.last, '\\'); ++c) {
      if (!needs_escape(c)) continue;
      std::string escaped = nlohmann::json(std::string(1, static_cast<char>(c))).dump();
      escaped = escaped.substr(1, escaped.size() - 2);
      choices += (choices.empty() ? "" : " | ") + literal(escaped);
    }
  }
  return "(" + choices + ")";
}

class PatternReader {
 public:
  PatternReader(const std::string& pattern, const SchemaPath& path) : text_(pattern), path_(path) {}

  // Anchors stand at the ends of an alternative; where one is missing, anything may be there.
  std::string run() {
    std::string choices;
    for (;;) {
      const bool from_start = accept('^');
      std::string body = read_sequence(0);
      const bool to_end = accept('$');
      if (!from_start) body = kAnyChars + (" " + body);
      if (!to_end) body += std::string(" ") + kAnyChars;
      choices += (choices.empty() ? "" : " | ") + body;
      if (!accept('|')) break;
    }
    if (pos_ != text_.size()) fail("expected the end of the pattern");
    return "(" + choices + ")";
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    path_.fail(fmt::format("{} at {} of the pattern", what,
                           pos_ == text_.size() ? "the end" : quoted(text_.substr(pos_))));
  }

  bool at_end() const { return pos_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[pos_]; }
  bool accept(char c) {
    if (peek() != c || at_end()) return false;
    ++pos_;
    return true;
  }

  std::string read_choice(int depth) {
    std::string choices = read_sequence(depth);
    while (accept('|')) choices += " | " + read_sequence(depth);
    return choices;
  }

  std::string read_sequence(int depth) {
    std::string sequence = "\"\"";
    while (!at_end() && peek() != '|' && peek() != ')') {
      if (peek() == '$' && depth == 0) break;
      sequence.append(1, ' ').append(read_quantified(depth));
    }
    return sequence;
  }

  std::string read_quantified(int depth) {
    std::string atom = read_atom(depth);
    const char c = peek();
    if (c == '*' || c == '+' || c == '?') {
      ++pos_;
      atom += c;
    } else if (c == '{') {
      atom += read_times();
    } else {
      return atom;
    }
    accept('?');  // lazy or not is the same set of texts
    if (peek() == '*' || peek() == '+' || peek() == '?' || peek() == '{') {
      fail("a repetition of a repetition is not supported, expected a group,");
    }
    return atom;
  }

  std::string read_times() {
    const std::size_t end = text_.find('}', pos_);
    if (end == text_.npos) fail("expected }");
    const std::string times = text_.substr(pos_, end + 1 - pos_);
    const std::string_view inside = std::string_view(times).substr(1, times.size() - 2);
    const bool is_right = !inside.empty() && inside[0] != ',' &&
                          inside.find_first_not_of("0123456789,") == inside.npos &&
                          std::count(inside.begin(), inside.end(), ',') <= 1;
    if (!is_right) fail("expected {n}, {n,} or {n,m}");
    pos_ = end + 1;
    return times;
  }

  std::string read_atom(int depth) {
    const char c = peek();
    switch (c) {
      case '(':
        return read_group(depth);
      case '[':
        return read_class();
      case '.':
        ++pos_;
        return chars_expression(all_but(kLineEnds));
      case '\\':
        return chars_expression(read_escape());
      case '^':
      case '$':
        fail("an anchor inside a pattern is not supported");
      case '*':
      case '+':
      case '?':
      case '{':
        fail("expected something to repeat");
      default:
        return chars_expression(read_plain());
    }
  }

  std::string read_group(int depth) {
    if (depth == kMostNesting) fail("groups are nested too deeply");
    ++pos_;
    if (accept('?') && !accept(':')) {
      fail("look-around and named groups are not supported, expected (?:");
    }
    std::string inside = read_choice(depth + 1);
    if (!accept(')')) fail("expected )");
    return "(" + inside + ")";
  }

  CharRanges read_plain() {
    const Utf8Char c = decode_utf8(text_, pos_);
    pos_ += c.length;
    return {{c.code_point, c.code_point}};
  }

  std::string read_class() {
    ++pos_;
    const bool is_negated = accept('^');
    CharRanges ranges;
    while (!accept(']')) {
      if (at_end()) fail("expected ]");
      const CharRanges first = peek() == '\\' ? read_escape(true) : read_plain();
      const bool is_range = peek() == '-' && pos_ + 1 < text_.size() && text_[pos_ + 1] != ']';
      if (!is_range) {
        ranges.insert(ranges.end(), first.begin(), first.end());
        continue;
      }
      ++pos_;
      const CharRanges last = peek() == '\\' ? read_escape(true) : read_plain();
      const bool are_chars = first.size() == 1 && first[0].first == first[0].last &&
                             last.size() == 1 && last[0].first == last[0].last;
      if (!are_chars || last[0].first < first[0].first) fail("expected a range of characters");
      ranges.push_back({first[0].first, last[0].first});
    }
    ranges = normalized(std::move(ranges));
    if (is_negated) ranges = complement(ranges);
    if (ranges.empty()) fail("expected a class with a character in it");
    return chars_expression(ranges);
  }

  CharRanges read_escape(bool in_class = false) {
    const std::size_t start = pos_++;
    const char c = peek();
    if (!at_end()) ++pos_;
    switch (c) {
      case 'd':
        return all_of(kDigit);
      case 'D':
        return all_but(kDigit);
      case 'w':
        return all_of(kWord);
      case 'W':
        return all_but(kWord);
      case 's':
        return all_of(kSpace);
      case 'S':
        return without(all_but(kSpace), kMark);
      case 'n':
        return {{'\n', '\n'}};
      case 'r':
        return {{'\r', '\r'}};
      case 't':
        return {{'\t', '\t'}};
      case 'f':
        return {{'\f', '\f'}};
      case 'v':
        return {{'\v', '\v'}};
      case 'x':
        return read_hex(2);
      case 'u':
        return read_hex(4);
      case 'b':
        if (in_class) return {{'\b', '\b'}};
        break;
      default:
        break;
    }
    constexpr std::string_view kSyntax = "^$\\.*+?()[]{}|/-\"'<>=!:,;@#%&~` _";
    if (c == '\0' || kSyntax.find(c) == kSyntax.npos) {
      pos_ = start;
      fail("this escape is not supported,");
    }
    const auto plain = static_cast<char32_t>(static_cast<unsigned char>(c));
    return {{plain, plain}};
  }

  CharRanges read_hex(std::size_t n_digits) {
    const std::string digits = text_.substr(pos_, n_digits);
    const bool is_hex = digits.size() == n_digits &&
                        digits.find_first_not_of("0123456789abcdefABCDEF") == digits.npos;
    if (!is_hex) fail(fmt::format("expected {} hexadecimal digits", n_digits));
    pos_ += n_digits;
    const auto value = static_cast<char32_t>(std::stoul(digits, nullptr, 16));
    if (value >= 0xD800 && value <= 0xDFFF) fail("expected a character, not half of one,");
    return {{value, value}};
  }

  const std::string& text_;
  const SchemaPath& path_;
  std::size_t pos_ = 0;
};

}  // namespace

std::string pattern_expression(const std::string& pattern, const SchemaPath& path) {
  return PatternReader(pattern, path).run();
}

}  // namespace lathe::grammar
