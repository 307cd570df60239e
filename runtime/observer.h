// Looks on while a model runs: importance matrices, block influence and debugging hang here.
//
// Called on the thread that runs the pass, between parallel sections. Rows are the activations that
// enter the named weight (float32, before any conversion), or the hidden states between layers.
#pragma once

#include "runtime/base/matrix_view.h"
#include "runtime/tensor_role.h"

namespace lathe {

class Observer {
 public:
  virtual ~Observer() = default;
  // Before each product with a weight matrix; weights that share an input are reported one by one.
  virtual void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept = 0;
  // The residual stream entering layer `layer` (== n_layer: leaving the last one).
  virtual void on_hidden(int layer, MatrixView<const float> hidden) noexcept {
    (void)layer;
    (void)hidden;
  }
};

}  // namespace lathe
