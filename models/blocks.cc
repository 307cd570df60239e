#include "models/blocks.h"

#include <algorithm>

#include "runtime/ops/matmul.h"

namespace lathe {

Qkv Qkv::take(Arena& scratch, const AttentionShape& shape, std::size_t n_items) noexcept {
  const std::size_t q_width = shape.n_head * shape.head_dim;
  const std::size_t kv_width = shape.n_head_kv * shape.head_dim;
  const MatrixView<float> all = scratch.matrix(n_items, q_width + 2 * kv_width);
  if (all.data == nullptr) return {};  // measuring
  return {all, all.columns(0, q_width), all.columns(q_width, kv_width),
          all.columns(q_width + kv_width, kv_width)};
}

void project_qkv(ExecContext& ctx, int layer, MatrixView<const float> x, const Qkv& qkv) noexcept {
  if (ctx.weights.get(TensorRole::kAttnQkv, layer)) {
    matmul(ctx, x, {{{TensorRole::kAttnQkv, layer}, qkv.all}});
  } else {
    matmul(ctx, x,
           {{{TensorRole::kAttnQ, layer}, qkv.q},
            {{TensorRole::kAttnK, layer}, qkv.k},
            {{TensorRole::kAttnV, layer}, qkv.v}});
  }
}

void tell_middle(ExecContext& ctx, int layer, MatrixView<const float> x) noexcept {
  if (ctx.observer != nullptr && !ctx.idle()) ctx.observer->on_layer_middle(layer, x);
}

void swiglu(ExecContext& ctx, int layer, std::size_t n_ff, MatrixView<const float> x,
            MatrixView<float> out) noexcept {
  const Arena::Scope scope(ctx.scratch);
  const MatrixView<float> gated = ctx.scratch.matrix(x.rows, n_ff);
  matmul_gated(ctx, x, {TensorRole::kFfnGate, layer}, {TensorRole::kFfnUp, layer}, gated);
  matmul(ctx, gated, {{{TensorRole::kFfnDown, layer}, out}});
}

std::size_t swiglu_scratch_bytes(const KernelTable& kernels, int n_threads, std::size_t n_items,
                                 std::size_t n_embd, std::size_t n_ff) noexcept {
  Arena measure;
  measure.matrix(n_items, n_ff);
  return measure.used() + std::max(matmul_scratch_bytes(kernels, n_threads, n_items, n_embd, n_ff),
                                   matmul_scratch_bytes(kernels, n_threads, n_items, n_ff, n_embd));
}

}  // namespace lathe
