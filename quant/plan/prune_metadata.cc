#include "quant/plan/prune_metadata.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "quant/plan/metadata_override.h"

namespace lathe {
namespace {

bool is_pruned(std::span<const int> pruned, std::size_t layer) {
  return std::binary_search(pruned.begin(), pruned.end(), static_cast<int>(layer));
}

Value without_layers(const Value& array, std::span<const int> pruned) {
  if (const StringList* strings = array.as_strings()) {
    StringList kept;
    for (std::size_t i = 0; i < strings->size(); ++i) {
      if (!is_pruned(pruned, i)) kept.push_back((*strings)[i]);
    }
    return Value::strings(std::move(kept));
  }
  const std::size_t width = scalar_bytes(array.element_type());
  const std::span<const std::byte> bytes = array.raw_bytes();
  std::vector<std::byte> kept;
  for (std::size_t i = 0; i < array.size(); ++i) {
    if (is_pruned(pruned, i)) continue;
    const auto element = bytes.subspan(i * width, width);
    kept.insert(kept.end(), element.begin(), element.end());
  }
  return Value::raw_array(array.element_type(), kept);
}

// Sections of a head's dimensions, of which there are always four: not one per layer, also in a
// model of four layers.
bool is_of_heads(std::string_view key) noexcept { return key.ends_with(".dimension_sections"); }

}  // namespace

void prune_metadata(std::span<const int> pruned, Metadata& metadata) {
  const auto architecture = metadata.text("general.architecture");
  if (pruned.empty() || !architecture) return;
  const std::string prefix = std::string(*architecture) + ".";
  const auto n_layer = metadata.uint(prefix + "block_count");
  if (!n_layer || *n_layer < pruned.size()) return;
  std::vector<std::pair<std::string, Value>> changed;
  for (const MetadataEntry& entry : metadata) {
    const Value& value = entry.value;
    if (!value.is_array() || value.size() != *n_layer || !entry.key.starts_with(prefix)) continue;
    if (!is_of_heads(entry.key)) changed.emplace_back(entry.key, without_layers(value, pruned));
  }
  for (auto& [key, value] : changed) metadata.set(key, std::move(value));
  const MetadataOverride count{prefix + "block_count",
                               static_cast<std::int64_t>(*n_layer - pruned.size())};
  apply_overrides({&count, 1}, metadata);  // keeps the exact type of the key
}

}  // namespace lathe
