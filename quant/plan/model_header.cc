#include "quant/plan/model_header.h"

#include <algorithm>
#include <charconv>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"

namespace lathe {
namespace {

constexpr std::uint64_t kMaxLayers = 4096;
constexpr std::uint64_t kMaxHeads = 1U << 16;

int first_of(const Metadata& metadata, const std::string& key, int otherwise) {
  const auto values = metadata.uint_list(key);
  if (!values || values->empty()) return otherwise;
  if (values->front() == 0 || values->front() > kMaxHeads) {
    metadata.fail(key, "expected a number of heads");
  }
  return static_cast<int>(values->front());
}

}  // namespace

int layer_of_tensor(std::string_view name) noexcept {
  constexpr std::string_view kPrefix = "blk.";
  if (!name.starts_with(kPrefix)) return -1;
  const char* first = name.data() + kPrefix.size();
  const char* last = name.data() + name.size();
  int layer = -1;
  const auto [end, error] = std::from_chars(first, last, layer);
  return error == std::errc{} && end != last && *end == '.' ? layer : -1;
}

bool tensor_order_less(std::string_view a, std::string_view b) noexcept {
  const int layer_a = layer_of_tensor(a), layer_b = layer_of_tensor(b);
  return layer_a != layer_b ? layer_a < layer_b : a < b;
}

ModelHeader read_model_header(const GgufFile& file) {
  const Metadata& metadata = file.metadata();
  ModelHeader header;
  header.architecture = metadata.require_text("general.architecture");
  const std::string prefix = header.architecture + ".";
  header.n_layer = static_cast<int>(metadata.require_uint(prefix + "block_count", 1, kMaxLayers));
  header.n_head = first_of(metadata, prefix + "attention.head_count", 1);
  header.n_head_kv = first_of(metadata, prefix + "attention.head_count_kv", header.n_head);
  header.tied_output = file.find("output.weight") == nullptr;
  header.tensors.assign(file.tensors().begin(), file.tensors().end());
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const auto& a, const auto& b) { return tensor_order_less(a.name, b.name); });
  return header;
}

}  // namespace lathe
