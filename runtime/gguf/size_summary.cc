#include "runtime/gguf/size_summary.h"

#include <algorithm>
#include <map>
#include <unordered_map>

namespace lathe {
namespace {

// Layers sort by number, tensors of the whole model come last.
constexpr int kNoLayerKey = std::numeric_limits<int>::max();

void add(SizeGroup& group, const TensorInfo& t) {
  ++group.n_tensors;
  group.n_elements += t.n_elements();
  group.n_bytes += t.n_bytes;
  ++group.tensors_of_format[index_of(t.format)];
}

// The layer number behind "blk.", and how many characters "blk.N." has; 0 when it is none.
std::size_t parse_layer(std::string_view name, int* layer) {
  static constexpr std::string_view kPrefix = "blk.";
  static constexpr std::size_t kMaxDigits = 6;
  if (!name.starts_with(kPrefix)) return 0;
  std::size_t i = kPrefix.size();
  int number = 0;
  while (i < name.size() && i < kPrefix.size() + kMaxDigits && name[i] >= '0' && name[i] <= '9') {
    number = number * 10 + (name[i++] - '0');
  }
  if (i == kPrefix.size() || i == name.size() || name[i] != '.') return 0;
  *layer = number;
  return i + 1;
}

}  // namespace

TensorPlace tensor_place(std::string_view name) {
  static constexpr std::string_view kWeight = ".weight";
  TensorPlace out;
  std::string_view role = name.substr(parse_layer(name, &out.layer));
  if (role.ends_with(kWeight)) role.remove_suffix(kWeight.size());
  out.role = std::string(role);
  return out;
}

SizeSummary summarize_sizes(std::span<const TensorInfo> tensors) {
  SizeSummary out;
  out.total.name = "total";
  std::map<int, SizeGroup> layers;
  std::unordered_map<std::string, std::size_t> roles;
  std::array<SizeGroup, kFormatCount> formats;
  for (const TensorInfo& t : tensors) {
    TensorPlace place = tensor_place(t.name);
    add(out.total, t);
    add(layers[place.layer < 0 ? kNoLayerKey : place.layer], t);
    add(formats[index_of(t.format)], t);
    const auto [it, is_new] = roles.emplace(place.role, out.by_role.size());
    if (is_new) out.by_role.emplace_back().name = std::move(place.role);
    add(out.by_role[it->second], t);
  }
  for (auto& [layer, group] : layers) {
    group.name = layer == kNoLayerKey ? "-" : "blk." + std::to_string(layer);
    out.by_layer.push_back(std::move(group));
  }
  for (std::size_t f = 0; f < kFormatCount; ++f) {
    if (formats[f].n_tensors == 0) continue;
    formats[f].name = format_name(static_cast<Format>(f));
    out.by_format.push_back(std::move(formats[f]));
  }
  std::ranges::stable_sort(out.by_format, std::greater<>(), &SizeGroup::n_bytes);
  return out;
}

}  // namespace lathe
