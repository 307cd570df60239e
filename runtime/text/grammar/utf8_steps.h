// UTF-8 byte by byte: where in a character a text stands, and which bytes may follow there (the
// table of well-formed sequences of the Unicode standard, 3.9).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace lathe::grammar {

enum class InChar : std::uint8_t {
  kNone,  // between characters
  kOneMore,
  kTwoMore,
  kThreeMore,
  kAfterE0,  // two more, of which the first is not any
  kAfterED,
  kAfterF0,  // three more
  kAfterF4,
};
inline constexpr std::size_t kInCharCount = 8;

struct Utf8Step {
  std::uint8_t first, last;
  InChar to;
};

inline constexpr Utf8Step kLeadBytes[] = {
    {0xC2, 0xDF, InChar::kOneMore},   {0xE0, 0xE0, InChar::kAfterE0},
    {0xE1, 0xEC, InChar::kTwoMore},   {0xED, 0xED, InChar::kAfterED},
    {0xEE, 0xEF, InChar::kTwoMore},   {0xF0, 0xF0, InChar::kAfterF0},
    {0xF1, 0xF3, InChar::kThreeMore}, {0xF4, 0xF4, InChar::kAfterF4}};
inline constexpr Utf8Step kMoreBytes[] = {
    {0x80, 0xBF, InChar::kNone},    {0x80, 0xBF, InChar::kOneMore}, {0x80, 0xBF, InChar::kTwoMore},
    {0xA0, 0xBF, InChar::kOneMore}, {0x80, 0x9F, InChar::kOneMore}, {0x90, 0xBF, InChar::kTwoMore},
    {0x80, 0x8F, InChar::kTwoMore}};

// The bytes that may come there; between characters, those of characters of more than one byte.
constexpr std::span<const Utf8Step> utf8_steps(InChar at) noexcept {
  if (at == InChar::kNone) return kLeadBytes;
  return {&kMoreBytes[static_cast<std::size_t>(at) - 1], 1};
}

}  // namespace lathe::grammar
