// Whether two models speak of the same tokens.
#pragma once

#include <string>

#include "runtime/text/tokenizer.h"

namespace lathe {

// Error (kBadInput) naming the first token that differs, `where` being the draft's file.
void require_same_vocabulary(const Tokenizer& model, const Tokenizer& draft,
                             const std::string& where);

}  // namespace lathe
