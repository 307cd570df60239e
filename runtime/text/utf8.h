// Strict UTF-8 decoding of untrusted bytes, one character at a time.
//
// A malformed sequence is one unit of its longest valid beginning (the "maximal subpart" of the
// Unicode standard, chapter 3.9), which is also how Python's errors="replace" counts them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace lathe {

enum class Utf8Status : std::uint8_t {
  kValid,
  kInvalid,     // no sequence starts like this
  kIncomplete,  // valid so far, but the text ends inside the character
};

struct Utf8Char {
  char32_t code_point;   // U+FFFD unless valid
  std::uint32_t length;  // bytes of this unit, at least 1
  Utf8Status status;
};

// Decodes the unit that starts at `pos`, which must be below text.size().
Utf8Char decode_utf8(std::string_view text, std::size_t pos) noexcept;

void append_utf8(std::string& out, char32_t code_point);

bool is_valid_utf8(std::string_view text) noexcept;

}  // namespace lathe
