#include "quant/plan/plan.h"

#include <fmt/format.h>

#include <type_traits>
#include <utility>
#include <variant>

#include "quant/plan/pruned_layers.h"
#include "runtime/base/digest.h"

namespace lathe {
namespace {

// Texts may hold anything, line ends too.
std::string sized(std::string_view text) { return fmt::format("{}:{}", text.size(), text); }

std::string value_text(const MetadataOverride& override) {
  return std::visit(
      [](const auto& value) {
        if constexpr (std::is_same_v<std::decay_t<decltype(value)>, std::string>) {
          return sized(value);
        } else {
          return fmt::format("{}", value);
        }
      },
      override.value);
}

}  // namespace

bool is_quantizable(const TensorInfo& tensor) noexcept {
  const std::string_view name = tensor.name;
  return tensor.rows() > 1 && name.ends_with("weight") &&
         name.find("_norm.weight") == std::string_view::npos &&
         name.find("ffn_gate_inp.weight") == std::string_view::npos;
}

std::optional<std::string> name_after_pruning(const std::string& tensor,
                                              std::span<const int> pruned) {
  const int layer = layer_of_tensor(tensor);
  if (layer < 0) return tensor;
  const auto now = layer_after_pruning(layer, pruned);
  return now ? std::optional(with_layer(tensor, *now)) : std::nullopt;
}

std::string decisions_text(const Plan& plan) {
  std::string text =
      fmt::format("recipe {} file type {} importance {} pruned {}\n", sized(plan.recipe),
                  plan.file_type, plan.imatrix ? 1 : 0, fmt::join(plan.pruned_layers, ","));
  for (const MetadataOverride& o : plan.overrides) {
    text += fmt::format("metadata {} {} {}\n", sized(o.key), override_type_name(o), value_text(o));
  }
  for (const PlannedTensor& t : plan.tensors) {
    text += fmt::format("{} {} {} {}\n", t.source.name, t.name, format_name(t.format),
                        t.use_importance ? 1 : 0);
  }
  return text;
}

std::string decisions_sha256(const Plan& plan) {
  const std::string text = decisions_text(plan);
  return sha256_hex({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

std::uint64_t Plan::n_elements() const noexcept {
  std::uint64_t sum = 0;
  for (const PlannedTensor& t : tensors) sum += t.source.n_elements();
  return sum;
}

std::uint64_t Plan::source_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const PlannedTensor& t : tensors) sum += t.source.n_bytes;
  return sum;
}

std::uint64_t Plan::bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const PlannedTensor& t : tensors) sum += t.n_bytes;
  return sum;
}

double Plan::bits_per_weight() const noexcept {
  const std::uint64_t n = n_elements();
  return n == 0 ? 0.0 : 8.0 * static_cast<double>(bytes()) / static_cast<double>(n);
}

}  // namespace lathe
