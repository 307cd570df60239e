#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/grammar/syntax.h"
#include "runtime/text/utf8.h"

namespace lathe::grammar {
namespace {

constexpr std::size_t kMostBytes = 8u << 20;
constexpr std::size_t kMostRules = 20'000;
constexpr int kMostNesting = 100;  // of parentheses
constexpr int kMostRepeats = 4;    // of a repetition
constexpr std::uint32_t kMostTimes = 100'000;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_char(char c) { return is_letter(c) || is_digit(c) || c == '-' || c == '_'; }

int hex_value(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

class Parser {
 public:
  Parser(std::string_view text, const std::string& where) : text_(text) { syntax_.where = where; }

  Syntax run() {
    if (text_.size() > kMostBytes) {
      throw bad_input(syntax_.where, fmt::format("a grammar of {} bytes, expected at most {}",
                                                 text_.size(), kMostBytes));
    }
    skip_space(true);
    while (!at_end()) {
      read_rule();
      skip_space(true);
    }
    finish();
    return std::move(syntax_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw bad_input(syntax_.where, place_text(pos_) + ": " + what);
  }

  // What stands here, for "expected A, found B".
  std::string found() const {
    if (at_end()) return "the end of the grammar";
    if (text_[pos_] == '\n' || text_[pos_] == '\r') return "the end of the line";
    return quoted(text_.substr(pos_, decode_utf8(text_, pos_).length));
  }
  [[noreturn]] void fail_expected(const std::string& what) const {
    fail("expected " + what + ", found " + found());
  }

  // From 1 on; columns count characters.
  std::string place_text(std::size_t pos) const {
    int line = 1, column = 1;
    for (const char c : text_.substr(0, pos)) {
      if (c == '\n') {
        ++line;
        column = 1;
      } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
        ++column;
      }
    }
    return fmt::format("line {}, column {}", line, column);
  }

  bool at_end() const { return pos_ == text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[pos_]; }
  bool at(std::string_view text) const { return text_.substr(pos_).starts_with(text); }

  bool accept(std::string_view text) {
    if (!at(text)) return false;
    pos_ += text.size();
    return true;
  }

  // Blanks and comments, and the ends of lines where they count for nothing.
  void skip_space(bool over_lines) {
    while (!at_end()) {
      const char c = text_[pos_];
      if (c == '#') {
        pos_ = std::min(text_.find('\n', pos_), text_.size());
      } else if (c == ' ' || c == '\t' || (over_lines && (c == '\n' || c == '\r'))) {
        ++pos_;
      } else {
        return;
      }
    }
  }

  // A line that begins with | goes on with the one before it.
  void skip_to_next_choice() {
    const std::size_t here = pos_;
    skip_space(true);
    if (peek() != '|') pos_ = here;
  }

  std::string_view read_name(const char* what) {
    const std::size_t start = pos_;
    if (!is_letter(peek())) fail_expected(what);
    while (is_name_char(peek())) ++pos_;
    return text_.substr(start, pos_ - start);
  }

  // The rule of this name, which may be written later. `use`: where it stands.
  std::size_t rule_of(std::string_view name, std::size_t use) {
    const auto [it, is_new] = index_.try_emplace(std::string(name), syntax_.rules.size());
    if (is_new) {
      if (syntax_.rules.size() == kMostRules) {
        fail(fmt::format("expected at most {} rules", kMostRules));
      }
      syntax_.rules.push_back({std::string(name), {}});
      first_use_.push_back(use);
      is_written_.push_back(false);
    }
    return it->second;
  }

  void read_rule() {
    const std::size_t start = pos_;
    const std::string_view name = read_name("the name of a rule");
    const std::size_t rule = rule_of(name, start);
    if (is_written_[rule]) {
      pos_ = start;
      fail(fmt::format("the rule {} is written twice", quoted(name)));
    }
    is_written_[rule] = true;
    skip_space(false);
    if (!accept("::=")) fail_expected("::= after the name of a rule");
    skip_space(true);
    Expression body = read_choice(0);
    syntax_.rules[rule].body = std::move(body);
    if (!at_end() && peek() != '\n' && peek() != '\r') {
      fail_expected("a literal, a class, a rule, ( or | in the rule " + quoted(name));
    }
  }

  Expression read_choice(int depth) {
    Expression choice{.kind = Expression::Kind::kChoice};
    for (;;) {
      choice.parts.push_back(read_sequence(depth));
      if (depth == 0) skip_to_next_choice();
      if (!accept("|")) break;
      skip_space(true);
    }
    return choice.parts.size() == 1 ? std::move(choice.parts[0]) : std::move(choice);
  }

  Expression read_sequence(int depth) {
    Expression sequence;
    for (;;) {
      skip_space(depth > 0);
      std::optional<Expression> element = read_element(depth);
      if (!element) break;
      skip_space(depth > 0);
      sequence.parts.push_back(read_repeats(std::move(*element)));
    }
    return sequence.parts.size() == 1 ? std::move(sequence.parts[0]) : std::move(sequence);
  }

  std::optional<Expression> read_element(int depth) {
    const char c = peek();
    if (c == '"') return read_literal();
    if (c == '[') return read_class();
    if (c == '(') return read_group(depth);
    if (c == '.') {
      ++pos_;
      return Expression{.kind = Expression::Kind::kChars, .chars = complement({})};
    }
    if (!is_letter(c)) return std::nullopt;
    return read_reference(depth);
  }

  Expression read_reference(int depth) {
    const std::size_t start = pos_;
    const std::string_view name = read_name("the name of a rule");
    const std::size_t end = pos_;
    skip_space(false);
    if (at("::=")) {
      pos_ = start;
      fail(depth > 0 ? "expected ) before the next rule" : "expected a new line for the next rule");
    }
    pos_ = end;
    return Expression{.kind = Expression::Kind::kRule, .rule = rule_of(name, start)};
  }

  Expression read_group(int depth) {
    if (depth == kMostNesting) {
      fail(fmt::format("parentheses are nested deeper than {}", kMostNesting));
    }
    ++pos_;
    Expression inside = read_choice(depth + 1);
    if (!accept(")")) fail_expected(") or more of the group");
    return inside;
  }

  Expression read_literal() {
    const std::size_t start = pos_++;
    Expression literal{.kind = Expression::Kind::kLiteral};
    while (!accept("\"")) {
      if (at_end() || peek() == '\n') {
        pos_ = start;
        fail("expected a \" that closes this literal in its line (an end of line in it is \\n)");
      }
      append_utf8(literal.text, read_char());
    }
    return literal;
  }

  Expression read_class() {
    const std::size_t start = pos_++;
    const bool is_negated = accept("^");
    CharRanges ranges;
    while (!accept("]")) {
      if (at_end() || peek() == '\n') {
        pos_ = start;
        fail("expected a ] that closes this class in its line");
      }
      const std::size_t begin = pos_;
      const char32_t first = read_char();
      char32_t last = first;
      if (peek() == '-' && !at("-]")) {
        ++pos_;
        if (at_end() || peek() == '\n') continue;  // told above
        last = read_char();
      }
      if (last < first) {
        const std::size_t end = std::exchange(pos_, begin);
        fail(fmt::format("the range {} goes backwards", quoted(text_.substr(begin, end - begin))));
      }
      ranges.push_back({first, last});
    }
    Expression chars{.kind = Expression::Kind::kChars, .chars = normalized(std::move(ranges))};
    if (is_negated) chars.chars = complement(chars.chars);
    if (chars.chars.empty()) {
      pos_ = start;
      fail("a class without characters, expected one at least");
    }
    return chars;
  }

  // One character of a literal or a class.
  char32_t read_char() {
    if (peek() == '\\') return read_escape();
    const Utf8Char c = decode_utf8(text_, pos_);
    if (c.status != Utf8Status::kValid) fail("expected UTF-8");
    pos_ += c.length;
    return c.code_point;
  }

  char32_t read_escape() {
    const std::size_t start = pos_++;
    const char c = peek();
    if (!at_end()) ++pos_;
    switch (c) {
      case 'n':
        return U'\n';
      case 'r':
        return U'\r';
      case 't':
        return U'\t';
      case '\\':
      case '"':
      case '[':
      case ']':
      case '-':
      case '^':
        return static_cast<char32_t>(c);
      case 'x':
        return read_hex(start, 2);
      case 'u':
        return read_hex(start, 4);
      case 'U':
        return read_hex(start, 8);
      default:
        pos_ = start;
        fail(R"(expected one of the escapes \n \r \t \\ \" \[ \] \- \^ \xHH \uHHHH \UHHHHHHHH)");
    }
  }

  char32_t read_hex(std::size_t start, int n_digits) {
    std::uint32_t value = 0;
    for (int i = 0; i < n_digits; ++i) {
      const int digit = hex_value(peek());
      if (digit < 0) fail_expected(fmt::format("{} hexadecimal digits", n_digits));
      value = value * 16 + static_cast<std::uint32_t>(digit);
      ++pos_;
    }
    if (value > kLastCodePoint || (value >= 0xD800 && value <= 0xDFFF)) {
      const std::size_t end = std::exchange(pos_, start);
      fail(fmt::format("{} is no character of Unicode", text_.substr(start, end - start)));
    }
    return static_cast<char32_t>(value);
  }

  Expression read_repeats(Expression element) {
    for (int n = 0;; ++n) {
      std::uint32_t least = 0, most = kNoMost;
      if (accept("?")) {
        most = 1;
      } else if (accept("+")) {
        least = 1;
      } else if (accept("{")) {
        read_times(least, most);
      } else if (!accept("*")) {
        return element;
      }
      if (n == kMostRepeats) fail("too many repetitions of a repetition");
      Expression repeat{.kind = Expression::Kind::kRepeat, .least = least, .most = most};
      repeat.parts.push_back(std::move(element));
      element = std::move(repeat);
    }
  }

  // {n} {n,} {n,m} {,m}, after the opening brace.
  void read_times(std::uint32_t& least, std::uint32_t& most) {
    const std::size_t start = pos_ - 1;
    skip_space(false);
    const bool has_least = is_digit(peek());
    if (has_least) least = read_number();
    skip_space(false);
    most = least;
    if (accept(",")) {
      skip_space(false);
      most = is_digit(peek()) ? read_number() : kNoMost;
      if (most == kNoMost && !has_least) fail_expected("a number");
      skip_space(false);
    } else if (!has_least) {
      fail_expected("a number");
    }
    if (!accept("}")) fail_expected("} after the numbers of a repetition");
    if (most >= least) return;
    pos_ = start;
    fail(fmt::format("a repetition of {} to {} times, expected the smaller number first", least,
                     most));
  }

  std::uint32_t read_number() {
    std::uint32_t value = 0;
    const std::size_t start = pos_;
    while (is_digit(peek())) {
      value = value * 10 + static_cast<std::uint32_t>(text_[pos_++] - '0');
      if (value > kMostTimes) {
        pos_ = start;
        fail(fmt::format("expected a number of at most {}", kMostTimes));
      }
    }
    return value;
  }

  void finish() {
    for (std::size_t i = 0; i < syntax_.rules.size(); ++i) {
      if (is_written_[i]) continue;
      pos_ = first_use_[i];
      fail(fmt::format("there is no rule {}", quoted(syntax_.rules[i].name)));
    }
    const auto root = index_.find("root");
    if (root == index_.end()) {
      throw bad_input(syntax_.where, "there is no rule 'root', with which a text begins");
    }
    syntax_.root = root->second;
  }

  std::string_view text_;
  std::size_t pos_ = 0;
  Syntax syntax_;
  std::unordered_map<std::string, std::size_t> index_;
  std::vector<std::size_t> first_use_;  // of each rule
  std::vector<bool> is_written_;
};

}  // namespace

Syntax parse_gbnf(std::string_view text, const std::string& where) {
  return Parser(text, where).run();
}

}  // namespace lathe::grammar
