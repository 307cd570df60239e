// Products of many tokens with a weight matrix in plain float32, forwards and backwards: rows are
// decoded in panels of a fixed size, and multiplied by all threads (runtime/algebra/products.h).
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/weight_view.h"

namespace lathe {

// Keeps its panel from one product to the next. Of one thread at a time, which owns the pool then.
class DenseProducts {
 public:
  DenseProducts(const KernelTable& kernels, ThreadPool& pool) noexcept
      : kernels_(kernels), pool_(pool) {}

  // y = x W^T + bias; x: [n, n_in], W: [n_out, n_in], y: [n, n_out]; bias: F32 [n_out] or empty.
  void forward(const WeightView& w, const WeightView& bias, MatrixView<const float> x,
               MatrixView<float> y);
  // dx = g W; g: [n, n_out], dx: [n, n_in].
  void backward(const WeightView& w, MatrixView<const float> g, MatrixView<float> dx);

 private:
  // Rows [first, first + n) of w; valid until the next call.
  MatrixView<const float> decode(const WeightView& w, std::size_t first, std::size_t n);

  const KernelTable& kernels_;
  ThreadPool& pool_;
  std::vector<float> panel_;
};

}  // namespace lathe
