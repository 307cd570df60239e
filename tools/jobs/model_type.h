// What kind of model a file holds, in a few words.
#pragma once

#include <string>

#include "runtime/gguf/metadata.h"
#include "runtime/model.h"

namespace lathe {

// "llama 1.24 B Q4_K_M": architecture, size, and the recipe that the file names
// (general.file_type), or the format that holds most of the weights where it names none.
std::string model_type(const Model& model, const Metadata& metadata);

}  // namespace lathe
