#include "quant/heal/healed_source.h"

namespace lathe {

std::span<const std::uint8_t> HealedSource::rows(const TensorInfo& tensor, std::uint64_t first,
                                                 std::uint64_t n,
                                                 std::span<std::uint8_t> buffer) const noexcept {
  const auto found = replaced_.find(tensor.name);
  if (found == replaced_.end()) return original_->rows(tensor, first, n, buffer);
  // A vector is one row of the tensor and of what replaces it.
  const WeightView view = found->second.view().slice_rows(first, n);
  return {view.data, view.bytes()};
}

std::span<const std::uint8_t> HealedSource::data(const TensorInfo& tensor) const {
  const auto found = replaced_.find(tensor.name);
  if (found == replaced_.end()) return original_->data(tensor);
  const WeightView view = found->second.view();
  return {view.data, view.bytes()};
}

void HealedSource::done_with(const TensorInfo& tensor) const noexcept {
  if (!replaced_.contains(tensor.name)) original_->done_with(tensor);
}

}  // namespace lathe
