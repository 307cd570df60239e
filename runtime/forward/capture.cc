#include "runtime/forward/capture.h"

#include <algorithm>

namespace lathe {
namespace {

void keep(MatrixView<const float> rows, const HiddenStore& store, std::size_t at) noexcept {
  const MatrixView<float> to = store.rows(at, rows.rows);
  for (std::size_t i = 0; i < rows.rows; ++i) std::copy_n(rows.row(i), rows.cols, to.row(i));
}

}  // namespace

void Capture::on_layer_input(int, MatrixView<const float> hidden) noexcept {
  at_ = in_layer_.take(hidden.rows);
}

void Capture::on_layer_middle(int, MatrixView<const float> hidden) noexcept {
  if (middle_ != nullptr) keep(hidden, *middle_, at_);
}

void Capture::on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept {
  if (weight.part != TensorPart::kWeight) return;
  for (const auto& [role, store] : inputs_) {
    if (role != weight.role) continue;
    keep(input, *store, weight.layer < 0 ? in_head_.take(input.rows) : at_);
  }
}

}  // namespace lathe
