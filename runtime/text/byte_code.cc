#include "runtime/text/byte_code.h"

#include <array>
#include <cstdint>

#include "runtime/text/utf8.h"

namespace lathe {
namespace {

constexpr bool stands_for_itself(unsigned byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xFF && byte != 0xAD);
}

constexpr std::size_t kSpelledOut = 68;  // bytes that do not stand for themselves

constexpr std::array<std::int16_t, 256 + kSpelledOut> make_table() {
  std::array<std::int16_t, 256 + kSpelledOut> table{};
  std::size_t next = 256;
  for (unsigned byte = 0; byte < 256; ++byte) {
    table[byte] = stands_for_itself(byte) ? static_cast<std::int16_t>(byte) : std::int16_t{-1};
    if (!stands_for_itself(byte)) table[next++] = static_cast<std::int16_t>(byte);
  }
  return table;
}
constexpr auto kByteOfCodePoint = make_table();

constexpr std::array<char16_t, 256> make_spelling() {
  std::array<char16_t, 256> spelling{};
  for (std::size_t code_point = 0; code_point < kByteOfCodePoint.size(); ++code_point) {
    const int byte = kByteOfCodePoint[code_point];
    if (byte >= 0) spelling[static_cast<std::size_t>(byte)] = static_cast<char16_t>(code_point);
  }
  return spelling;
}
constexpr auto kCodePointOfByte = make_spelling();

}  // namespace

int byte_of_code_point(char32_t code_point) noexcept {
  return code_point < kByteOfCodePoint.size() ? kByteOfCodePoint[code_point] : -1;
}

bool decode_byte_text(std::string_view text, std::string& bytes) {
  bytes.clear();
  for (std::size_t pos = 0; pos < text.size();) {
    // Nearly all of a vocabulary is printable ASCII, and it is loaded at every start.
    if (text[pos] > ' ' && text[pos] <= '~') {
      bytes.push_back(text[pos++]);
      continue;
    }
    const Utf8Char c = decode_utf8(text, pos);
    const int byte = c.status == Utf8Status::kValid ? byte_of_code_point(c.code_point) : -1;
    if (byte < 0) return false;
    bytes.push_back(static_cast<char>(byte));
    pos += c.length;
  }
  return true;
}

std::string encode_byte_text(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes)
    append_utf8(text, kCodePointOfByte[static_cast<std::uint8_t>(byte)]);
  return text;
}

}  // namespace lathe
