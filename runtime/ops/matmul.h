// Products of activations with weight matrices, over the threads of the context.
//
// Weights are named, not passed: the op looks them up in ctx.weights (so overlays work), tells the
// observer about their input, and adds their bias when the model has one. Products that share an
// input go in one call, so that it is converted once and threads meet once.
//
// Both ways of kernels/kernel_table.h are here. Panels: threads draw groups of panels, unpack them
// into scratch of their own and multiply blocks of tokens that stay in cache. Matvec: each thread
// walks one contiguous range of rows, so that memory is read in long stretches.
#pragma once

#include <cstddef>
#include <initializer_list>
#include <span>

#include "runtime/base/matrix_view.h"
#include "runtime/exec_context.h"
#include "runtime/tensor_role.h"

namespace lathe {

struct Product {
  TensorId weight;        // W [n_out, n_in]; its bias is the same id with TensorPart::kBias
  MatrixView<float> out;  // [n_items, n_out], written; columns of a wider matrix are fine
};

// out = W . input + bias for each product; input: [n_items, n_in].
void matmul(ExecContext& ctx, MatrixView<const float> input,
            std::initializer_list<Product> products) noexcept;

// out = silu(gate . input + bias) * (up . input + bias); out: [n_items, n_ff].
void matmul_gated(ExecContext& ctx, MatrixView<const float> input, TensorId gate, TensorId up,
                  MatrixView<float> out) noexcept;

// The most that one call takes from ctx.scratch, for any formats of the weights: [n_items, n_in]
// in, [n_items, n_out] out.
std::size_t matmul_scratch_bytes(const KernelTable& kernels, int n_threads, std::size_t n_items,
                                 std::size_t n_in, std::size_t n_out) noexcept;

}  // namespace lathe
