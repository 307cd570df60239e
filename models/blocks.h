// Blocks that architectures share: each is a step of a layer, with no knowledge of the layer
// around.
#pragma once

#include <cstddef>

#include "runtime/model.h"
#include "runtime/ops/attention.h"

namespace lathe {

// Queries, keys and values of a pass: columns of one matrix [n_items, (H + 2 G) D], so that a fused
// weight and three separate ones fill it alike.
struct Qkv {
  MatrixView<float> all;  // [n_items, (H + 2 G) D]
  MatrixView<float> q;    // [n_items, H D]
  MatrixView<float> k;    // [n_items, G D]
  MatrixView<float> v;    // [n_items, G D]

  static Qkv take(Arena& scratch, const AttentionShape& shape, std::size_t n_items) noexcept;
};

// x [n_items, n_embd] -> qkv, through attn_qkv or attn_q, attn_k, attn_v of the layer.
void project_qkv(ExecContext& ctx, int layer, MatrixView<const float> x, const Qkv& qkv) noexcept;

// Tells the observer of the residual stream between attention and feed-forward network.
void tell_middle(ExecContext& ctx, int layer, MatrixView<const float> x) noexcept;

// SwiGLU (Shazeer 2020): x [n_items, n_embd] -> out [n_items, n_embd]; out may be x.
void swiglu(ExecContext& ctx, int layer, std::size_t n_ff, MatrixView<const float> x,
            MatrixView<float> out) noexcept;
std::size_t swiglu_scratch_bytes(const KernelTable& kernels, int n_threads, std::size_t n_items,
                                 std::size_t n_embd, std::size_t n_ff) noexcept;

}  // namespace lathe
