#include "runtime/text/escapes.h"

#include <charconv>

namespace lathe {

std::string without_escapes(std::string_view text) {
  constexpr std::string_view kLetters = "ntr\"'\\", kMeanings = "\n\t\r\"'\\";
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = text[i] == '\\' && i + 1 < text.size() ? text[i + 1] : '\0';
    const std::size_t at = next != '\0' ? kLetters.find(next) : kLetters.npos;
    unsigned byte = 0;
    if (at != kLetters.npos) {
      out += kMeanings[at];
      ++i;
    } else if (next == 'x' && i + 3 < text.size() &&
               std::from_chars(&text[i + 2], &text[i + 2] + 2, byte, 16).ptr == &text[i + 2] + 2) {
      out += static_cast<char>(byte);
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

}  // namespace lathe
