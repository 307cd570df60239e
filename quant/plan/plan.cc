#include "quant/plan/plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

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
