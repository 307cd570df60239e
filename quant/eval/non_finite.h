// Where a model first stops being finite: NaN and infinity are named at once, not hours later.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>

#include "quant/eval/eval_context.h"
#include "runtime/observer.h"

namespace lathe {

// Looks at what enters the products and at what leaves each layer, which costs nothing beside the
// layer. The inputs too, because a conversion to integers makes a finite number of NaN: weights in
// a quantized format would hide it from all that follows.
class FiniteWatch : public Observer {
 public:
  explicit FiniteWatch(ThreadPool& pool) : pool_(&pool) {}

  void on_text(std::size_t text) noexcept override { text_ = text; }
  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override;
  void on_layer_output(int layer, MatrixView<const float> hidden) noexcept override;

  // The first text with such a value.
  const std::optional<std::size_t>& first() const noexcept { return first_; }

 private:
  void look_at(MatrixView<const float> rows) noexcept;

  ThreadPool* pool_;
  std::size_t text_ = 0;
  std::optional<std::size_t> first_;
};

// Runs the text once more through model `m` of the context's runner and says in words which layer
// and which input of a weight is the first that is not finite, and which weights hold such values
// themselves.
std::string locate_non_finite(const EvalContext& context, std::size_t m, RunText text);
// The same of tokens at the positions 0, 1, ... that went through `model`; `options` has the types
// of the cache.
std::string locate_non_finite(const RunModel& model, const KernelTable& kernels, ThreadPool& pool,
                              std::span<const Token> tokens, RunOptions options = {});

}  // namespace lathe
