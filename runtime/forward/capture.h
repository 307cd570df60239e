// Keeps what passes by in a run of one layer, and of the output head where all items want logits:
// inputs of products, the residual stream in the middle.
#pragma once

#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "runtime/forward/forward_runner.h"
#include "runtime/forward/hidden_store.h"
#include "runtime/observer.h"

namespace lathe {

// Tells an observer which of the items of all texts, one text after the other, it sees.
class ItemCounter {
 public:
  explicit ItemCounter(std::span<const RunText> texts) {
    for (const RunText text : texts) first_.push_back(first_.back() + text.size());
  }
  void on_text(std::size_t text) noexcept {
    text_ = text;
    next_ = first_[text];
  }
  // The next n items of the text: the place of the first.
  std::size_t take(std::size_t n) noexcept {
    next_ += n;
    return next_ - n;
  }
  std::size_t text() const noexcept { return text_; }

 private:
  std::vector<std::size_t> first_{0};
  std::size_t text_ = 0, next_ = 0;
};

class Capture final : public Observer {
 public:
  explicit Capture(std::span<const RunText> texts) : in_layer_(texts), in_head_(texts) {}

  // The stores have a row for each item of all texts, and outlive the runs.
  void keep_input(TensorRole of, const HiddenStore& store) { inputs_.emplace_back(of, &store); }
  void keep_middle(const HiddenStore& store) noexcept { middle_ = &store; }

  void on_text(std::size_t text) noexcept override {
    in_layer_.on_text(text);
    in_head_.on_text(text);
  }
  void on_layer_input(int layer, MatrixView<const float> hidden) noexcept override;
  void on_layer_middle(int layer, MatrixView<const float> hidden) noexcept override;
  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override;

 private:
  ItemCounter in_layer_, in_head_;
  std::size_t at_ = 0;  // where the batch stands in a layer
  std::vector<std::pair<TensorRole, const HiddenStore*>> inputs_;
  const HiddenStore* middle_ = nullptr;
};

}  // namespace lathe
