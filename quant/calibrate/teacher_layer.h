// What the source's weights make of a layer: the inputs of its matrices and the residual
// stream, for each token of the calibration.
#pragma once

#include <array>
#include <memory>
#include <string>

#include "quant/calibrate/calibration_set.h"
#include "quant/calibrate/input_group.h"
#include "runtime/forward/hidden_store.h"
#include "runtime/observer.h"
#include "runtime/weight_set.h"

namespace lathe {

class TeacherLayer final : public Observer {
 public:
  // Stores of the widths that the layer's matrices have; in a file where spill_folder is not empty.
  TeacherLayer(const CalibrationSet& set, const WeightSet& weights, int layer,
               const std::string& spill_folder);

  void on_text(std::size_t text) noexcept override { counter_.on_text(text); }
  void on_layer_input(int layer, MatrixView<const float> hidden) noexcept override;
  void on_layer_middle(int layer, MatrixView<const float> hidden) noexcept override;
  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override;

  const HiddenStore& input(LayerInput which) const noexcept {
    return *inputs_[static_cast<std::size_t>(which)];
  }
  const HiddenStore& middle() const noexcept { return *middle_; }  // after attention was added

 private:
  ItemCounter counter_;
  std::size_t at_ = 0;
  std::array<TensorRole, kLayerInputs> roles_;
  std::array<std::unique_ptr<HiddenStore>, kLayerInputs> inputs_;
  std::unique_ptr<HiddenStore> middle_;
};

// The input of the output head, the same way.
class HeadInput final : public Observer {
 public:
  HeadInput(const CalibrationSet& set, std::size_t width, const std::string& spill_folder)
      : counter_(set), input_(set.n_items(), width, spill_folder) {}

  void on_text(std::size_t text) noexcept override { counter_.on_text(text); }
  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override;

  const HiddenStore& input() const noexcept { return input_; }

 private:
  ItemCounter counter_;
  HiddenStore input_;
};

}  // namespace lathe
