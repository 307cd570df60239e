#include "runtime/text/utf8.h"

namespace lathe {
namespace {

constexpr char32_t kReplacement = 0xFFFD;

struct Lead {
  std::uint32_t length;    // of the whole sequence; 0: no lead byte
  std::uint8_t low, high;  // range of the second byte: shuts out overlong forms and surrogates
};

Lead classify(std::uint8_t byte) noexcept {
  if (byte < 0x80) return {1, 0, 0};
  if (byte < 0xC2) return {0, 0, 0};
  if (byte < 0xE0) return {2, 0x80, 0xBF};
  if (byte == 0xE0) return {3, 0xA0, 0xBF};
  if (byte == 0xED) return {3, 0x80, 0x9F};
  if (byte < 0xF0) return {3, 0x80, 0xBF};
  if (byte == 0xF0) return {4, 0x90, 0xBF};
  if (byte < 0xF4) return {4, 0x80, 0xBF};
  if (byte == 0xF4) return {4, 0x80, 0x8F};
  return {0, 0, 0};
}

}  // namespace

Utf8Char decode_utf8(std::string_view text, std::size_t pos) noexcept {
  const auto byte_at = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = byte_at(pos);
  const Lead lead = classify(first);
  if (lead.length == 1) return {first, 1, Utf8Status::kValid};
  if (lead.length == 0) return {kReplacement, 1, Utf8Status::kInvalid};

  char32_t code_point = first & (0x7F >> lead.length);
  for (std::uint32_t i = 1; i < lead.length; ++i) {
    if (pos + i >= text.size()) return {kReplacement, i, Utf8Status::kIncomplete};
    const std::uint8_t byte = byte_at(pos + i);
    const std::uint8_t low = i == 1 ? lead.low : 0x80;
    const std::uint8_t high = i == 1 ? lead.high : 0xBF;
    if (byte < low || byte > high) return {kReplacement, i, Utf8Status::kInvalid};
    code_point = (code_point << 6) | (byte & 0x3F);
  }
  return {code_point, lead.length, Utf8Status::kValid};
}

void append_utf8(std::string& out, char32_t code_point) {
  const auto put = [&](char32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto tail = [&](int shift) { put(0x80 | ((code_point >> shift) & 0x3F)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0 | (code_point >> 6));
    tail(0);
  } else if (code_point < 0x10000) {
    put(0xE0 | (code_point >> 12));
    tail(6);
    tail(0);
  } else {
    put(0xF0 | (code_point >> 18));
    tail(12);
    tail(6);
    tail(0);
  }
}

bool is_valid_utf8(std::string_view text) noexcept {
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    if (c.status != Utf8Status::kValid) return false;
    pos += c.length;
  }
  return true;
}

}  // namespace lathe
