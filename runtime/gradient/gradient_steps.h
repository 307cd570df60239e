// The steps of a layer that treat each token on its own, backwards, in float32 with sums in double.
// Gradients are of one number L, which the caller knows.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/kernel_table.h"
#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/ops/rope.h"
#include "runtime/weight_view.h"

namespace lathe {

// y = x / sqrt(mean(x^2) + eps) * weight; all [n, d], weight F32 [d]. y may be x.
void rms_norm_forward(const KernelTable& kernels, ThreadPool& pool, MatrixView<const float> x,
                      const WeightView& weight, float eps, MatrixView<float> y) noexcept;
// Of the same: dx from dy. dx may be dy.
void rms_norm_back(ThreadPool& pool, MatrixView<const float> x, const WeightView& weight, float eps,
                   MatrixView<const float> dy, MatrixView<float> dx) noexcept;

// m = silu(gate) * up, all [n, n_ff].
void swiglu_forward(ThreadPool& pool, MatrixView<const float> gate, MatrixView<const float> up,
                    MatrixView<float> m) noexcept;
// gate and up become their own gradients.
void swiglu_back(ThreadPool& pool, MatrixView<const float> dm, MatrixView<float> gate,
                 MatrixView<float> up) noexcept;

// What turns heads to their positions: forwards, or by the negative angle, which is the transpose.
enum class Turn { kForward, kBack };
struct HeadTurn {
  const RopeTable& rope;
  const std::int32_t* positions;  // [n]
  std::size_t head_dim;
};
// x: [n, n_heads * head_dim], in place. scale [n] multiplies each row; null: none.
void turn_heads(const KernelTable& kernels, ThreadPool& pool, const HeadTurn& turn, Turn way,
                const float* scale, MatrixView<float> x);

// x += y.
void add_rows(ThreadPool& pool, MatrixView<float> x, MatrixView<const float> y) noexcept;

}  // namespace lathe
