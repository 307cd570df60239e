#include "runtime/text/jinja/python_text.h"

#include <string.h>  // memmem
#include <utf8proc.h>

#include <algorithm>

#include "runtime/text/utf8.h"

namespace lathe::jinja {
namespace {

char32_t code_of(std::string_view c) noexcept { return decode_utf8(c, 0).code_point; }

bool is_space_code(char32_t c) noexcept {
  return (c >= 9 && c <= 13) || (c >= 28 && c <= 32) || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

bool is_line_end(char32_t c) noexcept {
  return (c >= 10 && c <= 13) || (c >= 28 && c <= 30) || c == 0x85 || c == 0x2028 || c == 0x2029;
}

utf8proc_category_t category_of(char32_t c) noexcept {
  return utf8proc_category(static_cast<utf8proc_int32_t>(c));
}
bool is_letter(char32_t c) noexcept {
  const auto category = category_of(c);
  return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}
bool is_digit(char32_t c) noexcept { return category_of(c) == UTF8PROC_CATEGORY_ND; }
bool is_numeric(char32_t c) noexcept {
  const auto category = category_of(c);
  return category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO;
}
bool is_upper_code(char32_t c) noexcept { return category_of(c) == UTF8PROC_CATEGORY_LU; }
bool is_lower_code(char32_t c) noexcept { return category_of(c) == UTF8PROC_CATEGORY_LL; }
bool is_cased(char32_t c) noexcept {
  return is_upper_code(c) || is_lower_code(c) || category_of(c) == UTF8PROC_CATEGORY_LT;
}

void append_upper(std::string& out, char32_t c) {
  if (c == 0xDF) {  // the one common letter whose upper case is two
    out += "SS";
    return;
  }
  append_utf8(out, static_cast<char32_t>(utf8proc_toupper(static_cast<utf8proc_int32_t>(c))));
}
void append_lower(std::string& out, char32_t c) {
  append_utf8(out, static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(c))));
}
void append_title(std::string& out, char32_t c) {
  if (c == 0xDF) {
    out += "Ss";
    return;
  }
  append_utf8(out, static_cast<char32_t>(utf8proc_totitle(static_cast<utf8proc_int32_t>(c))));
}

bool is_ascii(char c) noexcept { return static_cast<unsigned char>(c) < 0x80; }

std::string_view first_char(std::string_view text) noexcept {
  return text.substr(0, is_ascii(text.front()) ? 1 : decode_utf8(text, 0).length);
}

std::string_view last_char(std::string_view text) noexcept {
  constexpr std::size_t kLongest = 4;
  if (is_ascii(text.back())) return text.substr(text.size() - 1);
  for (std::size_t n = std::min(kLongest, text.size()); n > 1; --n) {
    const std::string_view end = text.substr(text.size() - n);
    const Utf8Char c = decode_utf8(end, 0);
    if (c.status == Utf8Status::kValid && c.length == n) return end;
  }
  return text.substr(text.size() - 1);
}

// Calls `append` with each character; bytes that are no UTF-8 stay.
template <typename Append>
std::string mapped(std::string_view text, const Append& append) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    if (c.status == Utf8Status::kValid)
      append(out, c.code_point);
    else
      out += text.substr(pos, c.length);
    pos += c.length;
  }
  return out;
}

template <typename Has>
bool all_of(std::string_view text, const Has& has) {
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    if (!has(c.code_point)) return false;
    pos += c.length;
  }
  return !text.empty();
}

template <typename Is, typename IsOther>
bool all_cased(std::string_view text, const Is& is, const IsOther& is_other) {
  bool any = false;
  for (const std::string_view c : chars_of(text)) {
    if (is_other(code_of(c)) || category_of(code_of(c)) == UTF8PROC_CATEGORY_LT) return false;
    any = any || is(code_of(c));
  }
  return any;
}

}  // namespace

std::size_t n_chars(std::string_view text) noexcept {
  std::size_t n = 0;
  for (std::size_t pos = 0; pos < text.size(); ++n) pos += decode_utf8(text, pos).length;
  return n;
}

std::vector<std::string_view> chars_of(std::string_view text) {
  std::vector<std::string_view> chars;
  for (std::size_t pos = 0; pos < text.size();) {
    const std::size_t length = decode_utf8(text, pos).length;
    chars.push_back(text.substr(pos, length));
    pos += length;
  }
  return chars;
}

bool is_space(std::string_view c) noexcept {
  const bool ascii = c.size() == 1 && is_ascii(c.front());
  return is_space_code(ascii ? static_cast<char32_t>(c.front()) : code_of(c));
}

std::string_view stripped(std::string_view text, Side side, const std::string_view* set) {
  const std::vector<std::string_view> members =
      set != nullptr ? chars_of(*set) : std::vector<std::string_view>();
  const auto goes = [&](std::string_view c) {
    if (set == nullptr) return is_space(c);
    return std::find(members.begin(), members.end(), c) != members.end();
  };
  while (side != Side::kRight && !text.empty()) {
    const std::string_view first = first_char(text);
    if (!goes(first)) break;
    text.remove_prefix(first.size());
  }
  while (side != Side::kLeft && !text.empty()) {
    const std::string_view last = last_char(text);
    if (!goes(last)) break;
    text.remove_suffix(last.size());
  }
  return text;
}

std::string upper(std::string_view text) { return mapped(text, append_upper); }
std::string lower(std::string_view text) { return mapped(text, append_lower); }

std::string capitalized(std::string_view text) {
  bool first = true;
  return mapped(text, [&](std::string& out, char32_t c) {
    first ? append_title(out, c) : append_lower(out, c);
    first = false;
  });
}

std::string title_cased(std::string_view text) {
  bool in_word = false;
  return mapped(text, [&](std::string& out, char32_t c) {
    in_word ? append_lower(out, c) : append_title(out, c);
    in_word = is_cased(c);
  });
}

std::string swapped_case(std::string_view text) {
  return mapped(text, [](std::string& out, char32_t c) {
    is_upper_code(c) ? append_lower(out, c) : append_upper(out, c);
  });
}

bool is_upper(std::string_view text) { return all_cased(text, is_upper_code, is_lower_code); }
bool is_lower(std::string_view text) { return all_cased(text, is_lower_code, is_upper_code); }
bool is_alphabetic(std::string_view text) { return all_of(text, is_letter); }
bool is_alphanumeric(std::string_view text) {
  return all_of(text, [](char32_t c) { return is_letter(c) || is_numeric(c); });
}
bool is_digits(std::string_view text) { return all_of(text, is_digit); }
bool is_all_space(std::string_view text) { return all_of(text, is_space_code); }

bool is_printable(char32_t c) noexcept {
  if (c == ' ') return true;
  const auto category = category_of(c);
  return category != UTF8PROC_CATEGORY_CN && category < UTF8PROC_CATEGORY_ZS;
}

std::size_t find_text(std::string_view text, std::string_view part, std::size_t from) noexcept {
  if (from > text.size()) return std::string_view::npos;
  if (part.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

std::vector<std::string_view> split_at(std::string_view text, std::string_view separator,
                                       std::size_t most) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  while (parts.size() < most) {
    const std::size_t at = find_text(text, separator, begin);
    if (at == text.npos) break;
    parts.push_back(text.substr(begin, at - begin));
    begin = at + separator.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

std::vector<std::string_view> split_at_right(std::string_view text, std::string_view separator,
                                             std::size_t most) {
  std::vector<std::string_view> parts;
  while (parts.size() < most) {
    const std::size_t at = text.rfind(separator);
    if (at == text.npos) break;
    parts.push_back(text.substr(at + separator.size()));
    text = text.substr(0, at);
  }
  parts.push_back(text);
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_at_space(std::string_view text, std::size_t most) {
  std::vector<std::string_view> parts;
  text = stripped(text, Side::kLeft);
  while (!text.empty() && parts.size() < most) {
    std::size_t end = 0;
    while (end < text.size() && !is_space(text.substr(end))) end += decode_utf8(text, end).length;
    parts.push_back(text.substr(0, end));
    while (end < text.size() && is_space(text.substr(end))) end += decode_utf8(text, end).length;
    text.remove_prefix(end);
  }
  if (!text.empty()) parts.push_back(text);
  return parts;
}

std::vector<std::string_view> split_at_space_right(std::string_view text, std::size_t most) {
  std::vector<std::string_view> all = split_at_space(text, text.size());
  if (all.size() <= most + 1) return all;
  const std::size_t n_first = all.size() - most;
  const std::string_view last = all[n_first - 1];
  const std::size_t end = static_cast<std::size_t>(last.data() - text.data()) + last.size();
  std::vector<std::string_view> parts = {stripped(text.substr(0, end), Side::kLeft)};
  parts.insert(parts.end(), all.begin() + static_cast<std::ptrdiff_t>(n_first), all.end());
  return parts;
}

std::vector<std::string_view> lines_of(std::string_view text, bool keep_ends) {
  std::vector<std::string_view> lines;
  std::size_t begin = 0;
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    std::size_t end = pos + c.length;
    if (is_line_end(c.code_point)) {
      if (c.code_point == '\r' && end < text.size() && text[end] == '\n') ++end;
      lines.push_back(text.substr(begin, (keep_ends ? end : pos) - begin));
      begin = end;
    }
    pos = end;
  }
  if (begin < text.size()) lines.push_back(text.substr(begin));
  return lines;
}

}  // namespace lathe::jinja
