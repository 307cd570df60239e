// Causal attention with grouped queries over the KV cache.
//
// Two steps. store_kv turns queries and keys to their positions and puts keys and values into the
// cache. attend gives each query the softmax-weighted mean of the values it sees.
//
// Keys are taken in pieces of kAttentionPiece with a softmax each, merged in the order of positions
// (online softmax: Milakov & Gimelshein 2018), so no matrix of scores exists and the bits of a
// result depend neither on the batch it was computed in, nor on threads, nor on where cells lie.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/matrix_view.h"
#include "runtime/exec_context.h"
#include "runtime/kv_cache.h"
#include "runtime/model.h"
#include "runtime/ops/rope.h"

namespace lathe {

struct AttentionShape {
  std::size_t n_head, n_head_kv, head_dim;

  std::size_t group() const noexcept { return n_head / n_head_kv; }
};

// Queries at late positions can be sharpened: q *= 1 + beta * ln(floor(pos / n_original) + 1).
struct QueryTemperature {
  double beta = 0.0;  // 0: off
  double n_original = 1.0;

  float at(std::int32_t pos) const noexcept;
};

// q [n_items, n_head * head_dim] and k [n_items, n_head_kv * head_dim] are turned in place, q is
// scaled by 1/sqrt(head_dim) (and the temperature); k and v [as k] go to the items' cells of a
// layer.
void store_kv(ExecContext& ctx, const AttentionShape& shape, const RopeTable& rope,
              const QueryTemperature& temperature, const PassView& pass, int layer, KvCache& cache,
              MatrixView<float> q, MatrixView<float> k, MatrixView<const float> v) noexcept;

// out, q: [n_items, n_head * head_dim]. With a window (> 0), a query at position p sees keys at
// positions > p - window only.
void attend(ExecContext& ctx, const AttentionShape& shape, const PassView& pass, int layer,
            KvCache& cache, MatrixView<const float> q, std::size_t window,
            MatrixView<float> out) noexcept;

// The most that either takes from ctx.scratch.
std::size_t attention_scratch_bytes(const KernelTable& kernels, int n_threads,
                                    const AttentionShape& shape, std::size_t n_items,
                                    std::size_t n_cells) noexcept;

}  // namespace lathe
