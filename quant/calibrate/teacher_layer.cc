#include "quant/calibrate/teacher_layer.h"

namespace lathe {

TeacherLayer::TeacherLayer(std::span<const RunText> texts, const WeightSet& weights, int layer,
                           const std::string& spill_folder)
    : capture_(texts) {
  std::size_t n_items = 0;
  for (const RunText text : texts) n_items += text.size();
  const auto store = [&](TensorRole role) {
    return std::make_unique<HiddenStore>(n_items, weights.get(role, layer).cols, spill_folder);
  };
  for (std::size_t k = 0; k < kLayerInputs; ++k) {
    const TensorRole role = first_role(static_cast<LayerInput>(k), weights, layer);
    inputs_[k] = store(role);
    capture_.keep_input(role, *inputs_[k]);
  }
  middle_ = store(first_role(LayerInput::kAttention, weights, layer));
  capture_.keep_middle(*middle_);
}

}  // namespace lathe
