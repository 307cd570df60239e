#include "quant/calibrate/teacher_layer.h"

#include <algorithm>

namespace lathe {
namespace {

void keep(MatrixView<const float> rows, const HiddenStore& store, std::size_t at) noexcept {
  const MatrixView<float> to = store.rows(at, rows.rows);
  for (std::size_t i = 0; i < rows.rows; ++i) std::copy_n(rows.row(i), rows.cols, to.row(i));
}

}  // namespace

TeacherLayer::TeacherLayer(const CalibrationSet& set, const WeightSet& weights, int layer,
                           const std::string& spill_folder)
    : counter_(set) {
  std::size_t n_embd = 0;
  for (std::size_t k = 0; k < kLayerInputs; ++k) {
    roles_[k] = first_role(static_cast<LayerInput>(k), weights, layer);
    const std::size_t width = weights.get(roles_[k], layer).cols;
    if (k == 0) n_embd = width;
    inputs_[k] = std::make_unique<HiddenStore>(set.n_items(), width, spill_folder);
  }
  middle_ = std::make_unique<HiddenStore>(set.n_items(), n_embd, spill_folder);
}

void TeacherLayer::on_layer_input(int, MatrixView<const float> hidden) noexcept {
  at_ = counter_.take(hidden.rows);
}

void TeacherLayer::on_layer_middle(int, MatrixView<const float> hidden) noexcept {
  keep(hidden, *middle_, at_);
}

void TeacherLayer::on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept {
  const auto found = std::find(roles_.begin(), roles_.end(), weight.role);
  if (found == roles_.end()) return;
  keep(input, *inputs_[static_cast<std::size_t>(found - roles_.begin())], at_);
}

void HeadInput::on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept {
  if (weight.role == TensorRole::kOutput) keep(input, input_, counter_.take(input.rows));
}

}  // namespace lathe
