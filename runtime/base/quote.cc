#include "runtime/base/quote.h"

namespace lathe {

std::string printable(std::string_view text, std::size_t max_bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  for (const char c : text.substr(0, max_bytes)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += kHex[byte >> 4];
      out += kHex[byte & 15];
    }
  }
  if (text.size() > max_bytes) out += "...";
  return out;
}

std::string quoted(std::string_view text, std::size_t max_bytes) {
  std::string out = "'";
  out += printable(text, max_bytes);
  out += '\'';
  return out;
}

}  // namespace lathe
