// Looks on while a model runs: importance matrices, block influence and debugging hang here.
//
// Called on the thread that runs the pass, between parallel sections. Rows are the activations that
// enter the named weight (float32, before any conversion), or the hidden states between layers.
#pragma once

#include <cstddef>

#include "runtime/base/matrix_view.h"
#include "runtime/tensor_role.h"

namespace lathe {

class Observer {
 public:
  virtual ~Observer() = default;
  // Before each product with a weight matrix; weights that share an input are reported one by one.
  virtual void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept = 0;
  // The residual stream that enters layer `layer` (or, of a pass that begins within it, as it is
  // there), and the same rows as they leave it.
  virtual void on_layer_input(int layer, MatrixView<const float> hidden) noexcept {
    (void)layer;
    (void)hidden;
  }
  // The same rows in the middle of the layer: after attention was added, before the feed-forward
  // network.
  virtual void on_layer_middle(int layer, MatrixView<const float> hidden) noexcept {
    (void)layer;
    (void)hidden;
  }
  virtual void on_layer_output(int layer, MatrixView<const float> hidden) noexcept {
    (void)layer;
    (void)hidden;
  }
  // What follows belongs to this text of a run (runtime/forward/forward_runner.h). In
  // layer-by-layer order a text comes up once per layer, and once more for the output head.
  virtual void on_text(std::size_t text) noexcept { (void)text; }
};

}  // namespace lathe
