// From a GGUF file to a model that runs: the list of architectures.
#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "runtime/gguf/gguf_file.h"
#include "runtime/model.h"

namespace lathe {

// Reads the header and binds the weights, which stay in the mapped file: `file` must outlive the
// model. Takes milliseconds whatever the size. Error (kBadInput) naming key or tensor when the file
// is not a complete model of a known architecture, or asks for something that is not supported.
std::unique_ptr<Model> load_model(const GgufFile& file);

// Names that general.architecture may carry, in the order of the list.
std::vector<std::string_view> known_architectures();

}  // namespace lathe
