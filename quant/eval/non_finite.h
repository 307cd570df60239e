// Where a model first stops being finite: NaN and infinity are named at once, not hours later.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "quant/eval/eval_context.h"
#include "runtime/observer.h"

namespace lathe {

// Looks at the hidden states that leave each layer, which costs nothing beside the layer.
class FiniteWatch : public Observer {
 public:
  struct Place {
    std::size_t text;
    int layer;
  };

  explicit FiniteWatch(ThreadPool& pool) : pool_(&pool) {}

  void on_text(std::size_t text) noexcept override { text_ = text; }
  void on_matmul_input(TensorId, MatrixView<const float>) noexcept override {}
  void on_layer_output(int layer, MatrixView<const float> hidden) noexcept override;

  const std::optional<Place>& first() const noexcept { return first_; }

 private:
  ThreadPool* pool_;
  std::size_t text_ = 0;
  std::optional<Place> first_;
};

// Runs the text once more through model `m` of the context's runner and says in words which layer
// and which input of a weight is the first that is not finite, and which weights hold such values
// themselves.
std::string locate_non_finite(const EvalContext& context, std::size_t m, RunText text);

}  // namespace lathe
