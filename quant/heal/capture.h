// Keeps what passes by in a run of one layer: inputs of its products, the residual stream in its
// middle.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "runtime/forward/hidden_store.h"
#include "runtime/observer.h"

namespace lathe {

// Rows go to where their tokens stand among those of all texts, each of which has `text_rows`.
class Capture final : public Observer {
 public:
  explicit Capture(std::size_t text_rows) noexcept : text_rows_(text_rows) {}

  // The stores outlive the runs, and have room.
  void keep_input(TensorRole of, HiddenStore& store) { inputs_.emplace_back(of, &store); }
  void keep_middle(HiddenStore& store) noexcept { middle_ = &store; }

  void on_text(std::size_t text) noexcept override { next_ = text * text_rows_; }
  void on_layer_input(int, MatrixView<const float> hidden) noexcept override;
  void on_layer_middle(int, MatrixView<const float> hidden) noexcept override;
  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override;

 private:
  void keep(MatrixView<const float> rows, HiddenStore& store) const noexcept;

  std::size_t text_rows_;
  std::size_t first_ = 0, next_ = 0;  // row of the batch, and of the one after it
  std::vector<std::pair<TensorRole, HiddenStore*>> inputs_;
  HiddenStore* middle_ = nullptr;
};

}  // namespace lathe
