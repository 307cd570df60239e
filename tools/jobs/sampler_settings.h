// The settings of the sampler by the names of their options, for changing them in a conversation.
#pragma once

#include <string>
#include <string_view>

#include "runtime/generation.h"

namespace lathe {

// "temp", "0.7". Error (kUsage) for an unknown name, listing those there are, and for a value that
// is no number. Whether the value makes sense is the sampler's to say.
void change_setting(GenerationOptions& options, std::string_view name, std::string_view value);

// "temp 0.8, top-k 40, ...", all of them.
std::string settings_text(const GenerationOptions& options);

}  // namespace lathe
