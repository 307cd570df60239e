// Cuts a template into tokens, with the white space control that Hugging Face sets up
// (trim_blocks, lstrip_blocks): a block tag alone on its line leaves nothing of that line.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::jinja {

enum class TokenKind : std::uint8_t {
  kText,           // outside of tags
  kVariableBegin,  // {{
  kVariableEnd,
  kBlockBegin,  // {%
  kBlockEnd,
  kName,
  kString,  // its value, escapes resolved
  kInteger,
  kFloat,
  kOperator,
  kEnd,  // of the template
};

struct Token {
  TokenKind kind;
  int line;
  std::string text;
};

// The last token is kEnd. Error (kBadInput) with the line.
std::vector<Token> tokenize(std::string_view source, const std::string& where);

// Error (kBadInput): "WHERE: line 3: WHAT".
[[noreturn]] void fail_at(const std::string& where, int line, const std::string& what);

}  // namespace lathe::jinja
