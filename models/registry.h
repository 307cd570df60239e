// From a GGUF file or a checkpoint to a model that runs: the list of architectures.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/model.h"
#include "runtime/tensor_source.h"

namespace lathe {

// Reads the header and binds the weights, which stay where `file` has them: it must outlive the
// model. Takes milliseconds whatever the size for a GGUF file; of a checkpoint, what does not lie
// there as it is needed is made first (TensorSource::data). Error (kBadInput) naming key or tensor
// when it is not a complete model of a known architecture, or asks for something that is not
// supported.
std::unique_ptr<Model> load_model(const TensorSource& file);

// What a file says of its layers by their number, or by default, as one entry for each layer: keys
// with arrays that mean the same, and stay true when layers are taken out. Nothing where no key
// follows from the number, and for architectures that are not known. Error (kBadInput) naming the
// key for metadata that load_model() would refuse.
std::vector<MetadataEntry> layer_metadata(const Metadata& metadata);

// The keys of the architecture that nothing is known about, and that are not used: a sentence, or
// nothing. Error (kBadInput) for metadata that load_model() would refuse.
std::vector<std::string> metadata_warnings(const Metadata& metadata);

// Names that general.architecture may carry, in the order of the list.
std::vector<std::string_view> known_architectures();

}  // namespace lathe
