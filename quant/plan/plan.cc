#include "quant/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "runtime/base/digest.h"

namespace lathe {

bool is_quantizable(const TensorInfo& tensor) noexcept {
  const std::string_view name = tensor.name;
  return tensor.rows() > 1 && name.ends_with("weight") &&
         name.find("_norm.weight") == std::string_view::npos &&
         name.find("ffn_gate_inp.weight") == std::string_view::npos;
}

std::optional<std::string> name_after_pruning(const std::string& tensor,
                                              std::span<const int> pruned) {
  const int layer = layer_of_tensor(tensor);
  const auto at = std::lower_bound(pruned.begin(), pruned.end(), layer);
  if (at != pruned.end() && *at == layer) return std::nullopt;
  const auto n_before = static_cast<int>(at - pruned.begin());
  if (n_before == 0) return tensor;
  const std::size_t rest = tensor.find('.', tensor.find('.') + 1);
  return fmt::format("blk.{}{}", layer - n_before, tensor.substr(rest));
}

std::string decisions_text(const Plan& plan) {
  std::string text;
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
