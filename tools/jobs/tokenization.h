// The job of `lathe tokenize`: the tokens of a text. Reads no tensors, so that files with nothing
// but a vocabulary do.
#pragma once

#include <string>
#include <vector>

#include "runtime/base/notes.h"
#include "runtime/text/tokenizer.h"

namespace lathe {

struct TokenizeRequest {
  std::string model;
  std::string text;
  std::string text_name;  // what notes call it
  bool no_bos = false;
  bool parse_special = true;
};

struct Tokenization {
  std::vector<Token> tokens;
  std::vector<std::string> pieces;  // the text of each; may be part of a character
};

Tokenization tokenize(const TokenizeRequest& request, const Notes& notes);

}  // namespace lathe
