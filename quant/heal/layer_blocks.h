// What each remaining layer of a pruned model stands for.
#pragma once

#include <span>
#include <vector>

namespace lathe {

// Layer `slot` remains and stands for the layers [first, end) of the original model: itself and
// those that are pruned behind it. Layers that are pruned at the very start belong to the first
// one that remains.
struct LayerBlock {
  int slot = 0, first = 0, end = 0;

  int n_layers() const noexcept { return end - first; }
  bool operator==(const LayerBlock&) const = default;
};

// One for each layer that remains, in order. `pruned` ascends and is not all of the layers.
std::vector<LayerBlock> layer_blocks(int n_layer, std::span<const int> pruned);

}  // namespace lathe
