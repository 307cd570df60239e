// The metadata of a model without some of its layers.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "runtime/gguf/metadata.h"

namespace lathe {

// Sets {architecture}.block_count and takes the entries of `pruned` (ascending, of the layers that
// the model has) out of every array of the architecture that has one entry per layer: files that
// keep the old lengths do not load. Nothing happens where the file has no number of layers.
//
// What follows from a layer's number by rule would follow from its new one: `by_layer` says it as
// arrays with one entry for each layer of the model before pruning (models/registry.h,
// layer_metadata()), and they are written.
void prune_metadata(std::span<const int> pruned, std::span<const MetadataEntry> by_layer,
                    Metadata& metadata);

// Keys of the pruned file that count layers and that nothing is known about: each a sentence.
std::vector<std::string> prune_warnings(std::span<const int> pruned,
                                        std::span<const MetadataEntry> by_layer,
                                        const Metadata& metadata);

}  // namespace lathe
