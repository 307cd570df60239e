#include "runtime/text/jinja/lexer.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/jinja/python_text.h"
#include "runtime/text/utf8.h"

namespace lathe::jinja {
namespace {

// Every end of a line is a line feed, and the last one is none.
std::string with_line_feeds(std::string_view source) {
  std::string out;
  out.reserve(source.size());
  for (std::size_t i = 0; i < source.size(); ++i) {
    if (source[i] != '\r') {
      out += source[i];
      continue;
    }
    out += '\n';
    if (i + 1 < source.size() && source[i + 1] == '\n') ++i;
  }
  if (out.ends_with('\n')) out.pop_back();
  return out;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_char(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Lexer {
 public:
  Lexer(std::string_view source, const std::string& where)
      : source_(with_line_feeds(source)), where_(where) {}

  std::vector<Token> run() {
    while (pos_ < source_.size()) read_text();
    add(TokenKind::kEnd, {});
    return std::move(tokens_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const { fail_at(where_, line_, what); }

  bool at(std::string_view text) const { return rest().starts_with(text); }
  std::string_view rest() const { return std::string_view(source_).substr(pos_); }

  // Steps over n bytes.
  void advance(std::size_t n) {
    const std::string_view passed = rest().substr(0, n);
    line_ += static_cast<int>(std::count(passed.begin(), passed.end(), '\n'));
    if (!passed.empty()) line_starts_ = passed.back() == '\n';
    pos_ += passed.size();
  }

  bool accept(std::string_view text) {
    if (!at(text)) return false;
    advance(text.size());
    return true;
  }

  void skip_space() {
    while (pos_ < source_.size() && is_space(rest())) advance(decode_utf8(source_, pos_).length);
  }

  void add(TokenKind kind, std::string text) { tokens_.push_back({kind, line_, std::move(text)}); }

  // The text up to a tag, and the tag.
  void read_text() {
    std::size_t tag = pos_;
    for (;; ++tag) {
      tag = source_.find('{', tag);
      if (tag == source_.npos || tag + 1 == source_.size()) {
        add(TokenKind::kText, std::string(rest()));
        advance(rest().size());
        return;
      }
      const char c = source_[tag + 1];
      if (c == '%' || c == '{' || c == '#') break;
    }
    const char kind = source_[tag + 1];
    const char sign = tag + 2 < source_.size() ? source_[tag + 2] : '\0';
    add_text(rest().substr(0, tag - pos_), sign, kind == '{');
    advance(tag - pos_ + 2 + (sign == '-' || sign == '+' ? 1 : 0));
    if (kind == '#')
      skip_comment();
    else if (kind == '{')
      read_tag(TokenKind::kVariableBegin, TokenKind::kVariableEnd, "}}");
    else if (!read_raw())
      read_tag(TokenKind::kBlockBegin, TokenKind::kBlockEnd, "%}");
  }

  // What a tag behind it leaves of a text.
  void add_text(std::string_view text, char sign, bool is_variable) {
    if (sign == '-') {
      text = stripped(text, Side::kRight);
    } else if (sign != '+' && !is_variable) {
      const std::size_t end = text.rfind('\n');
      const std::size_t line = end == text.npos ? 0 : end + 1;
      const bool from_start = line > 0 || line_starts_;
      if (from_start && is_all_space(text.substr(line))) text = text.substr(0, line);
    }
    if (!text.empty()) add(TokenKind::kText, std::string(text));
  }

  void skip_comment() {
    const int first_line = line_;
    const std::size_t end = source_.find("#}", pos_);
    if (end == source_.npos) fail_at(where_, first_line, "the comment {# is not closed by #}");
    const char before = end > pos_ ? source_[end - 1] : '\0';
    advance(end + 2 - pos_);
    end_block_tag(before);
  }

  // After the closing of a block tag or a comment: -%} takes all white space, +%} none.
  void end_block_tag(char sign) {
    if (sign == '-')
      skip_space();
    else if (sign != '+')
      accept("\n");
  }

  // {% raw %} ... {% endraw %}, behind the {%.
  bool read_raw() {
    const std::size_t begin = pos_;
    const int line = line_;
    skip_space();
    if (accept("raw")) {
      skip_space();
      const bool strips = accept("-%}");
      if (strips || accept("%}")) {
        if (strips) skip_space();
        read_until_endraw(line);
        return true;
      }
    }
    pos_ = begin;
    line_ = line;
    return false;
  }

  void read_until_endraw(int first_line) {
    const std::size_t begin = pos_;
    for (std::size_t tag = source_.find("{%", pos_); tag != source_.npos;
         tag = source_.find("{%", tag + 2)) {
      advance(tag + 2 - pos_);
      const char sign = at("-") || at("+") ? source_[pos_] : '\0';
      if (sign != '\0') advance(1);
      skip_space();
      if (!accept("endraw")) continue;
      skip_space();
      const char end_sign = at("-%}") || at("+%}") ? source_[pos_] : '\0';
      if (end_sign != '\0') advance(1);
      if (!accept("%}")) continue;
      line_starts_ = false;
      add_text(std::string_view(source_).substr(begin, tag - begin), sign, false);
      end_block_tag(end_sign);
      return;
    }
    fail_at(where_, first_line, "the block {% raw %} is not closed by {% endraw %}");
  }

  void read_tag(TokenKind begin, TokenKind end, std::string_view closing) {
    const int first_line = line_;
    add(begin, begin == TokenKind::kBlockBegin ? "{%" : "{{");
    std::string open;  // brackets that are not closed yet
    for (;;) {
      skip_space();
      if (pos_ == source_.size()) {
        fail_at(where_, first_line, fmt::format("the tag is not closed by {}", closing));
      }
      if (open.empty() && end_tag(end, closing)) return;
      read_token(open);
    }
  }

  bool end_tag(TokenKind end, std::string_view closing) {
    const char sign = rest()[0];
    const bool has_sign = (sign == '-' || (sign == '+' && end == TokenKind::kBlockEnd)) &&
                          rest().substr(1).starts_with(closing);
    if (!has_sign && !at(closing)) return false;
    advance(has_sign ? 1 : 0);
    add(end, std::string(closing));
    advance(closing.size());
    if (end == TokenKind::kBlockEnd)
      end_block_tag(has_sign ? sign : '\0');
    else if (has_sign)
      skip_space();
    return true;
  }

  void read_token(std::string& open) {
    const char c = rest()[0];
    if (is_digit(c))
      read_number();
    else if (is_name_char(c))
      read_name();
    else if (c == '"' || c == '\'')
      read_string(c);
    else
      read_operator(open);
  }

  void read_name() {
    std::size_t n = 0;
    while (n < rest().size() && is_name_char(rest()[n])) ++n;
    add(TokenKind::kName, std::string(rest().substr(0, n)));
    advance(n);
  }

  // Digits, in which underscores may stand.
  std::size_t digits_at(std::size_t from) const {
    std::size_t n = from;
    while (n < rest().size() &&
           (is_digit(rest()[n]) ||
            (rest()[n] == '_' && n > from && n + 1 < rest().size() && is_digit(rest()[n + 1])))) {
      ++n;
    }
    return n;
  }

  void read_number() {
    const bool after_dot = pos_ > 0 && source_[pos_ - 1] == '.';
    std::size_t n = digits_at(0);
    const auto char_at = [&](std::size_t i) { return i < rest().size() ? rest()[i] : '\0'; };
    bool is_float = false;
    if (!after_dot && char_at(n) == '.' && is_digit(char_at(n + 1))) {
      n = digits_at(n + 1);
      is_float = true;
    }
    if (!after_dot && (char_at(n) == 'e' || char_at(n) == 'E')) {
      const std::size_t sign = char_at(n + 1) == '+' || char_at(n + 1) == '-' ? 1 : 0;
      if (is_digit(char_at(n + 1 + sign))) {
        n = digits_at(n + 1 + sign);
        is_float = true;
      }
    }
    std::string text(rest().substr(0, n));
    std::erase(text, '_');
    if (!is_float && text.size() > 1 && text[0] == '0' &&
        text.find_first_not_of('0') != text.npos) {
      fail("a number begins with 0: " + quoted(text));
    }
    add(is_float ? TokenKind::kFloat : TokenKind::kInteger, std::move(text));
    advance(n);
  }

  void read_string(char quote) {
    const int first_line = line_;
    std::string value;
    std::size_t i = 1;
    const std::string_view text = rest();
    while (i < text.size() && text[i] != quote) {
      if (text[i] == '\\' && i + 1 < text.size()) {
        i = read_escape(text, i + 1, value);
      } else {
        value += text[i++];
      }
    }
    if (i >= text.size()) fail_at(where_, first_line, "a string is not closed");
    add(TokenKind::kString, std::move(value));
    advance(i + 1);
  }

  // What stands behind a backslash, at `i`; as Python has it. Returns where it ends.
  std::size_t read_escape(std::string_view text, std::size_t i, std::string& value) {
    constexpr std::string_view kLetters = "\\'\"abfnrtv\n";
    constexpr std::string_view kMeanings("\\'\"\a\b\f\n\r\t\v\0", 11);
    const char c = text[i];
    if (c == '\n') return i + 1;
    if (const std::size_t at = kLetters.find(c); at != kLetters.npos) {
      value += kMeanings[at];
      return i + 1;
    }
    if (c == 'x') return read_code(text, i + 1, 2, value);
    if (c == 'u') return read_code(text, i + 1, 4, value);
    if (c == 'U') return read_code(text, i + 1, 8, value);
    if (c >= '0' && c <= '7') return read_octal(text, i, value);
    value += '\\';
    value += c;
    return i + 1;
  }

  std::size_t read_code(std::string_view text, std::size_t i, std::size_t n, std::string& value) {
    char32_t code = 0;
    for (std::size_t k = 0; k < n; ++k) {
      const char c = i + k < text.size() ? text[i + k] : '\0';
      const char lower = static_cast<char>(c | 0x20);
      if (is_digit(c))
        code = code * 16 + static_cast<char32_t>(c - '0');
      else if (lower >= 'a' && lower <= 'f')
        code = code * 16 + static_cast<char32_t>(lower - 'a' + 10);
      else
        fail("an escape of a string has too few digits");
    }
    if (code > 0x10FFFF) fail("an escape of a string is no character");
    append_utf8(value, code);
    return i + n;
  }

  static std::size_t read_octal(std::string_view text, std::size_t i, std::string& value) {
    char32_t code = 0;
    std::size_t n = 0;
    for (; n < 3 && i + n < text.size() && text[i + n] >= '0' && text[i + n] <= '7'; ++n) {
      code = code * 8 + static_cast<char32_t>(text[i + n] - '0');
    }
    append_utf8(value, code);
    return i + n;
  }

  void read_operator(std::string& open) {
    static constexpr std::string_view kTwo[] = {"//", "**", "==", "!=", ">=", "<="};
    constexpr std::string_view kOne = "+-/*%~[](){}<>=.:|,;";
    for (const std::string_view op : kTwo) {
      if (!at(op)) continue;
      add(TokenKind::kOperator, std::string(op));
      advance(op.size());
      return;
    }
    const char c = rest()[0];
    if (kOne.find(c) == kOne.npos) {
      fail("unexpected character " + quoted(rest().substr(0, decode_utf8(source_, pos_).length)));
    }
    track_bracket(c, open);
    add(TokenKind::kOperator, std::string(1, c));
    advance(1);
  }

  void track_bracket(char c, std::string& open) const {
    constexpr std::string_view kOpening = "([{", kClosing = ")]}";
    if (const std::size_t at = kOpening.find(c); at != kOpening.npos) open += kClosing[at];
    if (kClosing.find(c) == kClosing.npos) return;
    if (open.empty()) fail(fmt::format("unexpected '{}'", c));
    if (open.back() != c) fail(fmt::format("unexpected '{}', expected '{}'", c, open.back()));
    open.pop_back();
  }

  std::string source_;
  const std::string& where_;
  std::vector<Token> tokens_;
  std::size_t pos_ = 0;
  int line_ = 1;
  bool line_starts_ = true;  // what was read last ended a line, or nothing was
};

}  // namespace

void fail_at(const std::string& where, int line, const std::string& what) {
  throw bad_input(where, fmt::format("line {}: {}", line, what));
}

std::vector<Token> tokenize(std::string_view source, const std::string& where) {
  return Lexer(source, where).run();
}

}  // namespace lathe::jinja
