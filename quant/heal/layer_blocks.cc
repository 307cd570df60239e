#include "quant/heal/layer_blocks.h"

#include <algorithm>

namespace lathe {

std::vector<LayerBlock> layer_blocks(int n_layer, std::span<const int> pruned) {
  std::vector<LayerBlock> blocks;
  for (int layer = 0; layer < n_layer; ++layer) {
    if (std::binary_search(pruned.begin(), pruned.end(), layer)) continue;
    if (!blocks.empty()) blocks.back().end = layer;
    blocks.push_back({layer, blocks.empty() ? 0 : layer, n_layer});
  }
  return blocks;
}

}  // namespace lathe
