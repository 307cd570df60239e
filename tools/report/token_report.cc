#include "tools/report/token_report.h"

#include <fmt/format.h>

#include <string_view>

#include "runtime/text/utf8.h"

namespace lathe {
namespace {

bool is_printable(const Utf8Char& c) {
  const bool is_control = c.code_point < 0x20 || (c.code_point >= 0x7F && c.code_point < 0xA0);
  return c.status == Utf8Status::kValid && !is_control;
}

// The text of a token on one line: control characters, and bytes that are a part of a character
// only, as escapes.
std::string escaped(std::string_view text) {
  std::string line;
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    const std::string_view unit = text.substr(pos, c.length);
    pos += c.length;
    if (unit == "\n") {
      line += "\\n";
    } else if (is_printable(c)) {
      line += unit;
    } else {
      for (const char byte : unit) {
        line += fmt::format("\\x{:02X}", static_cast<unsigned char>(byte));
      }
    }
  }
  return line;
}

}  // namespace

std::string tokens_text(const Tokenization& tokens) {
  std::string out;
  for (std::size_t i = 0; i < tokens.tokens.size(); ++i) {
    out += fmt::format("{:6} -> '{}'\n", tokens.tokens[i], escaped(tokens.pieces[i]));
  }
  return out;
}

std::string token_ids_text(const Tokenization& tokens) {
  return fmt::format("[{}]\n", fmt::join(tokens.tokens, ", "));
}

}  // namespace lathe
