// What says which model something was collected from.
#pragma once

#include <string>

#include "runtime/gguf/gguf_file.h"

namespace lathe {

// SHA-256 over names, formats, shapes and the first few KB of every tensor: tells models and
// fine-tunes apart without reading gigabytes.
std::string model_fingerprint(const GgufFile& file);

// SHA-256 over what stands before the tensors: hyper-parameters, vocabulary, names. Empty for a
// model in memory.
std::string metadata_fingerprint(const GgufFile& file);

}  // namespace lathe
