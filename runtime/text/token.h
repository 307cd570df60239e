// The words that all of text/ shares: what a token is, its type, and which ids are special.
#pragma once

#include <cstdint>

#include "runtime/batch.h"  // Token

namespace lathe {

inline constexpr Token kNoToken = -1;

// tokenizer.ggml.token_type, by value.
enum class TokenType : std::uint8_t {
  kUndefined = 0,
  kNormal = 1,
  kUnknown = 2,
  kControl = 3,      // never from plain text, prints nothing
  kUserDefined = 4,  // matched verbatim before anything else, even in plain text
  kUnused = 5,
  kByte = 6,  // SPM: "<0xHH>"
};

// Ids with a meaning of their own; kNoToken where the vocabulary has none.
struct SpecialTokens {
  Token bos = kNoToken;
  Token eos = kNoToken;
  Token eot = kNoToken;  // end of a turn
  Token eom = kNoToken;  // end of a message that a tool answers
  Token unknown = kNoToken;
  Token separator = kNoToken;
  Token padding = kNoToken;
  Token mask = kNoToken;
  Token fim_pad = kNoToken;
  Token fim_repo = kNoToken;
  Token fim_file = kNoToken;
};

}  // namespace lathe
