// The metadata of a model without some of its layers.
#pragma once

#include <span>

#include "runtime/gguf/metadata.h"

namespace lathe {

// Sets {architecture}.block_count and takes the entries of `pruned` (ascending, of the layers that
// the model has) out of every array of the architecture that has one entry per layer: files that
// keep the old lengths do not load. Nothing happens where the file has no number of layers.
void prune_metadata(std::span<const int> pruned, Metadata& metadata);

}  // namespace lathe
