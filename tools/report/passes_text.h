// What speculation did, in words.
#pragma once

#include <string>

#include "runtime/generation.h"

namespace lathe {

// "drafted 120 tokens, accepted 90 (75.0 %), 2.41 tokens a step".
std::string passes_text(const PassCounts& passes);

}  // namespace lathe
