#include "quant/heal/capture.h"

#include <algorithm>

namespace lathe {

void Capture::on_layer_input(int, MatrixView<const float> hidden) noexcept {
  first_ = next_;
  next_ += hidden.rows;
}

void Capture::on_layer_middle(int, MatrixView<const float> hidden) noexcept {
  if (middle_ != nullptr) keep(hidden, *middle_);
}

void Capture::on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept {
  if (weight.part != TensorPart::kWeight) return;
  for (const auto& [role, store] : inputs_) {
    if (role == weight.role) keep(input, *store);
  }
}

void Capture::keep(MatrixView<const float> rows, HiddenStore& store) const noexcept {
  const MatrixView<float> to = store.rows(first_, rows.rows);
  for (std::size_t r = 0; r < rows.rows; ++r) std::copy_n(rows.row(r), rows.cols, to.row(r));
}

}  // namespace lathe
