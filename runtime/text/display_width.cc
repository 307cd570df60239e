#include "runtime/text/display_width.h"

#include <utf8proc.h>

#include <algorithm>

#include "runtime/text/utf8.h"

namespace lathe {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";  // U+FFFD
constexpr std::string_view kCut = "...";

bool is_control(char32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

// Marks that turn the direction of what follows around would turn the rest of the line, too.
bool is_direction(char32_t c) {
  return (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

std::size_t width_of(const Utf8Char& c) {
  if (c.status != Utf8Status::kValid) return 1;
  if (is_control(c.code_point)) return 0;
  const int width = utf8proc_charwidth(static_cast<utf8proc_int32_t>(c.code_point));
  return width > 0 ? static_cast<std::size_t>(width) : 0;
}

// Control characters and malformed bytes as U+FFFD.
std::string harmless(std::string_view text) {
  std::string out;
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    const bool shown =
        c.status == Utf8Status::kValid && !is_control(c.code_point) && !is_direction(c.code_point);
    out += shown ? text.substr(pos, c.length) : kReplacement;
    pos += c.length;
  }
  return out;
}

// The longest beginning of at most `columns` columns.
std::string_view beginning(std::string_view text, std::size_t columns) {
  std::size_t used = 0;
  std::size_t pos = 0;
  while (pos < text.size()) {
    const Utf8Char c = decode_utf8(text, pos);
    used += width_of(c);
    if (used > columns) break;
    pos += c.length;
  }
  return text.substr(0, pos);
}

}  // namespace

std::size_t display_width(std::string_view text) {
  std::size_t width = 0;
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    width += width_of(c);
    pos += c.length;
  }
  return width;
}

std::string fit_to_width(std::string_view text, std::size_t columns) {
  const std::string line = harmless(text);
  if (display_width(line) <= columns) return line;
  const std::size_t dots = std::min(columns, kCut.size());
  return std::string(beginning(line, columns - dots)) + std::string(kCut.substr(0, dots));
}

}  // namespace lathe
