#include "quant/plan/model_header.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/tensor_source.h"

namespace lathe {
namespace {

constexpr std::uint64_t kMaxLayers = 4096;
constexpr std::uint64_t kMaxHeads = 1U << 16;

// One number, or one per layer. What does not look like numbers of heads is as if it were absent:
// it only steers recipes, and must not keep a model from being quantized.
std::vector<int> head_counts(const Metadata& metadata, const std::string& key) {
  const Value* value = metadata.find(key);
  if (value == nullptr || !is_integer(value->element_type())) return {};
  std::vector<int> counts;
  for (std::size_t i = 0; i < value->size(); ++i) {
    const auto n = (value->is_array() ? value->element(i) : *value).as_uint();
    if (!n || *n > kMaxHeads) return {};
    counts.push_back(static_cast<int>(*n));
  }
  return counts;
}

int layer_count(const Metadata& metadata, const std::string& key,
                const std::vector<TensorInfo>& tensors) {
  if (metadata.has(key)) return static_cast<int>(metadata.require_uint(key, 0, kMaxLayers));
  int n = 0;
  for (const TensorInfo& t : tensors) n = std::max(n, layer_of_tensor(t.name) + 1);
  return n;
}

}  // namespace

int layer_of_tensor(std::string_view name) noexcept {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return -1;
  const char* first = name.data() + kPrefix.size();
  const char* last = name.data() + name.size();
  int layer = -1;
  const auto [end, error] = std::from_chars(first, last, layer);
  if (error != std::errc{} || layer < 0 || end == last || *end != '.') return -1;
  return *first == '0' && end - first > 1 ? -1 : layer;  // no two names of one layer
}

bool tensor_order_less(std::string_view a, std::string_view b) noexcept {
  const int layer_a = layer_of_tensor(a), layer_b = layer_of_tensor(b);
  return layer_a != layer_b ? layer_a < layer_b : a < b;
}

ModelHeader read_model_header(const TensorSource& source) {
  const Metadata& metadata = source.metadata();
  ModelHeader header;
  header.architecture = metadata.require_text("general.architecture");
  const std::string prefix = header.architecture + ".";
  header.tensors.assign(source.tensors().begin(), source.tensors().end());
  header.n_layer = layer_count(metadata, prefix + "block_count", header.tensors);
  const std::vector<int> heads = head_counts(metadata, prefix + "attention.head_count");
  const std::vector<int> heads_kv = head_counts(metadata, prefix + "attention.head_count_kv");
  if (!heads.empty()) header.n_head = heads.front();
  header.n_head_kv = heads_kv.empty() ? header.n_head : heads_kv.front();
  if (heads.size() > 1) header.layer_heads = heads;
  if (heads_kv.size() > 1) header.layer_heads_kv = heads_kv;
  if (const Value* type = metadata.find("general.file_type"); type != nullptr) {
    if (const auto n = type->as_uint(); n && std::in_range<std::uint32_t>(*n)) {
      header.file_type = static_cast<std::uint32_t>(*n);
    }
  }
  header.tied_output = source.find("output.weight") == nullptr;
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const auto& a, const auto& b) { return tensor_order_less(a.name, b.name); });
  return header;
}

}  // namespace lathe
