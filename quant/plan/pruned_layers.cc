#include "quant/plan/pruned_layers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "quant/plan/model_header.h"

namespace lathe {

std::vector<int> pruned_layers(const Metadata& metadata) {
  const auto list = metadata.uint_list(kPrunedKey);
  std::vector<int> layers;
  for (const std::uint64_t layer : list.value_or(std::vector<std::uint64_t>{})) {
    if (layer > std::numeric_limits<std::int16_t>::max() ||
        (!layers.empty() && static_cast<int>(layer) <= layers.back())) {
      metadata.fail(kPrunedKey, "expected numbers of layers, ascending");
    }
    layers.push_back(static_cast<int>(layer));
  }
  return layers;
}

int original_layer(int layer, std::span<const int> pruned) {
  for (const int gone : pruned) {
    if (gone > layer) break;
    ++layer;
  }
  return layer;
}

std::optional<int> layer_after_pruning(int layer, std::span<const int> pruned) {
  const auto at = std::lower_bound(pruned.begin(), pruned.end(), layer);
  if (at != pruned.end() && *at == layer) return std::nullopt;
  return layer - static_cast<int>(at - pruned.begin());
}

std::vector<int> compose_pruned(std::span<const int> first, std::span<const int> then) {
  std::vector<int> all(first.begin(), first.end());
  for (const int layer : then) all.push_back(original_layer(layer, first));
  std::sort(all.begin(), all.end());
  return all;
}

std::string with_layer(const std::string& tensor, int layer) {
  if (layer_of_tensor(tensor) < 0) return tensor;
  return fmt::format("blk.{}{}", layer, tensor.substr(tensor.find('.', tensor.find('.') + 1)));
}

}  // namespace lathe
