// Role and layer to WeightView: what a model reads its weights through.
//
// Cheap to copy (it holds views only): an overlay that quantizes one tensor differently is a copy
// with one view replaced, while the model itself never changes. The owner of the bytes (a GgufFile,
// a buffer) must outlive it.
#pragma once

#include <cstddef>
#include <vector>

#include "runtime/tensor_role.h"
#include "runtime/weight_view.h"

namespace lathe {

class WeightSet {
 public:
  explicit WeightSet(std::size_t n_layer) : views_((n_layer + 1) * kPerLayer) {}

  std::size_t n_layer() const noexcept { return views_.size() / kPerLayer - 1; }

  // An empty view when the model has no such tensor.
  const WeightView& get(TensorRole role, int layer,
                        TensorPart part = TensorPart::kWeight) const noexcept {
    return views_[slot(role, layer, part)];
  }
  void set(TensorId id, const WeightView& view) noexcept {
    views_[slot(id.role, id.layer, id.part)] = view;
  }

 private:
  static constexpr std::size_t kPerLayer = kTensorRoleCount * 2;
  static std::size_t slot(TensorRole role, int layer, TensorPart part) noexcept {
    return static_cast<std::size_t>(layer + 1) * kPerLayer + static_cast<std::size_t>(role) * 2 +
           static_cast<std::size_t>(part);
  }
  std::vector<WeightView> views_;  // layer -1 (whole model) first
};

}  // namespace lathe
