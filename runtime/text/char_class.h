// The properties of a character that the pre-tokenizers' patterns ask for, as bits.
//
// From utf8proc's general categories (Unicode 15 in Debian 12, the same as python3-regex there).
// `\s` is White_Space, so U+0085 is a space and U+180E is not. A malformed UTF-8 unit has no bit
// at all: it behaves as a symbol, the way U+FFFD would.
#pragma once

#include <cstdint>

namespace lathe {

using CharClass = std::uint8_t;

inline constexpr CharClass kUpper = 1;          // \p{Lu} \p{Lt}
inline constexpr CharClass kLower = 2;          // \p{Ll}
inline constexpr CharClass kOtherLetter = 4;    // \p{Lm} \p{Lo}
inline constexpr CharClass kMark = 8;           // \p{M}
inline constexpr CharClass kNumber = 16;        // \p{N}
inline constexpr CharClass kSpace = 32;         // \s
inline constexpr CharClass kNewline = 64;       // \r \n, which are spaces too
inline constexpr CharClass kPunctuation = 128;  // [\p{P}$+<=>^~|]
inline constexpr CharClass kLetter = kUpper | kLower | kOtherLetter;

CharClass char_class(char32_t code_point) noexcept;

}  // namespace lathe
