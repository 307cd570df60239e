// Tokens for people, one on a line, and as an array of ids.
#pragma once

#include <string>

#include "tools/jobs/tokenization.h"

namespace lathe {

std::string tokens_text(const Tokenization& tokens);
std::string token_ids_text(const Tokenization& tokens);  // "[1, 306, 626]", valid JSON

}  // namespace lathe
