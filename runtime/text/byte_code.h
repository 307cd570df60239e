// GPT-2's spelling of bytes as printable characters, in which byte-level BPE vocabularies are
// written: bytes 0x21-0x7E, 0xA1-0xAC and 0xAE-0xFF stand for themselves as code points, the other
// 68 are, in order, U+0100, U+0101, ... (so a space is U+0120).
#pragma once

#include <string>
#include <string_view>

namespace lathe {

// The byte that a code point spells, or -1.
int byte_of_code_point(char32_t code_point) noexcept;

// Decodes a whole token text into `bytes` (replaced). False when a character spells no byte or the
// text is no valid UTF-8; `bytes` is unspecified then.
bool decode_byte_text(std::string_view text, std::string& bytes);

// The text that spells these bytes.
std::string encode_byte_text(std::string_view bytes);

}  // namespace lathe
