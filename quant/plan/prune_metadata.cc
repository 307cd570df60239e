#include "quant/plan/prune_metadata.h"

#include <fmt/format.h>

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

// Numbers that speak of layers by their number: a period, how many come first or last.
constexpr std::string_view kCountLayers[] = {
    "attention.sliding_window_pattern", "attention.shared_kv_layers", "full_attention_interval",
    "interleave_moe_layer_step",        "leading_dense_block_count",  "nextn_predict_layers"};

}  // namespace

void prune_metadata(std::span<const int> pruned, std::span<const MetadataEntry> by_layer,
                    Metadata& metadata) {
  const auto architecture = metadata.text("general.architecture");
  if (pruned.empty() || !architecture) return;
  const std::string prefix = std::string(*architecture) + ".";
  const auto n_layer = metadata.uint(prefix + "block_count");
  if (!n_layer || *n_layer < pruned.size()) return;
  for (const MetadataEntry& entry : by_layer) metadata.set(entry.key, entry.value);
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

std::vector<std::string> prune_warnings(std::span<const int> pruned,
                                        std::span<const MetadataEntry> by_layer,
                                        const Metadata& metadata) {
  std::vector<std::string> warnings;
  const auto architecture = metadata.text("general.architecture");
  if (pruned.empty() || !architecture) return warnings;
  for (const std::string_view name : kCountLayers) {
    const std::string key = fmt::format("{}.{}", *architecture, name);
    const Value* value = metadata.find(key);
    const bool known = std::any_of(by_layer.begin(), by_layer.end(),
                                   [&](const MetadataEntry& entry) { return entry.key == key; });
    if (value == nullptr || value->is_array() || value->as_uint() == 0U || known) continue;
    warnings.push_back(
        fmt::format("{} speaks of layers by their number, and stays as it is: the layers that "
                    "remain may compute something else",
                    key));
  }
  return warnings;
}

}  // namespace lathe
