// What the source's weights make of a layer: the inputs of its matrices and the residual stream,
// for each token of the calibration.
#pragma once

#include <array>
#include <memory>
#include <span>
#include <string>

#include "quant/calibrate/input_group.h"
#include "runtime/forward/capture.h"
#include "runtime/weight_set.h"

namespace lathe {

class TeacherLayer {
 public:
  // Stores of the widths that the layer's matrices have; in a file where spill_folder is not empty.
  TeacherLayer(std::span<const RunText> texts, const WeightSet& weights, int layer,
               const std::string& spill_folder);

  // Watches the run of the layer that fills the stores.
  Observer& observer() noexcept { return capture_; }

  const HiddenStore& input(LayerInput which) const noexcept {
    return *inputs_[static_cast<std::size_t>(which)];
  }
  const HiddenStore& middle() const noexcept { return *middle_; }  // after attention was added

 private:
  std::array<std::unique_ptr<HiddenStore>, kLayerInputs> inputs_;
  std::unique_ptr<HiddenStore> middle_;
  Capture capture_;
};

}  // namespace lathe
