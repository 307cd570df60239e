// What files that are made of a model are called, where nobody says it.
#pragma once

#include <string>

namespace lathe {

// "tiny-llama-f16.gguf" -> "tiny-llama": without what says that it is not quantized, and without
// the number of a part of a split set.
std::string name_of_source(const std::string& path);

}  // namespace lathe
