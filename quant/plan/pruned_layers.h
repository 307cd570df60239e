// Which layers of the original model a file lacks: lathe.prune.layers, in the original's numbers
// however many steps there were.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/gguf/metadata.h"

namespace lathe {

inline constexpr const char* kPrunedKey = "lathe.prune.layers";

// Ascending; empty for a model that was not pruned. Error (kBadInput) for a list that is none.
std::vector<int> pruned_layers(const Metadata& metadata);

// The original number of a layer of a model that lacks `pruned`.
int original_layer(int layer, std::span<const int> pruned);
// The number that the original's layer has without `pruned`; nothing for one of those.
std::optional<int> layer_after_pruning(int layer, std::span<const int> pruned);

// What is gone after a second step: `then`, in the numbers of a model that lacks `first`.
std::vector<int> compose_pruned(std::span<const int> first, std::span<const int> then);

// "blk.3.x" to "blk.5.x"; names that stand in no layer stay.
std::string with_layer(const std::string& tensor, int layer);

}  // namespace lathe
