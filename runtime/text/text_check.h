// What a user should know about a text before a model reads it: usually nothing.
//
// Models read bytes, so nothing here is an error; but a text that is no UTF-8, or whose line ends
// or first token are not what models were trained on, is scored differently without a word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/tokenizer.h"

namespace lathe {

// Of the bytes alone; `name` says whose they are ("a.txt", "the prompt"). Each a sentence that
// begins with the name: empty, UTF-16 or UTF-32, zero bytes, no UTF-8, a byte order mark, line ends
// of Windows.
std::vector<std::string> text_warnings(std::string_view text, const std::string& name);

// Of the text as `tokenizer` encodes it: a BOS or EOS that stands there and is added too.
std::vector<std::string> encoding_warnings(const Tokenizer& tokenizer, std::string_view text,
                                           const std::string& name, EncodeOptions options);

}  // namespace lathe
