// Causal attention of whole texts with the matrix of weights in memory, forwards and backwards, in
// float32. Tasks are (text, KV head): a task holds a few matrices [n, n] of its text.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "runtime/base/matrix_view.h"
#include "runtime/gradient/outer_sums.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/ops/attention.h"

namespace lathe {

// A text's rows in the matrices of a pass.
struct TextRows {
  std::size_t first = 0, n = 0;
};

// Queries and keys after RoPE, queries scaled; q: [n, n_head * head_dim], k and v:
// [n, n_head_kv * head_dim]. With a window (> 0) a query sees that many keys, itself the last.
struct AttentionInputs {
  AttentionShape shape;
  std::span<const TextRows> texts;
  std::size_t window = 0;
  MatrixView<const float> q, k, v;
};

// out: as q.
void attend_dense(ThreadPool& pool, const AttentionInputs& in, MatrixView<float> out);

struct AttentionGradients {
  MatrixView<float> q, k, v;  // written; of the same shapes as the inputs
};

// dout: gradient at out. x: [n, width], what enters the projection to values.
//
// Comes back, by KV head, with the terms of that projection as attention sees it: rows [head_dim],
// columns [width]. An error in its row i moves output i of every query head a of the group by the
// error times xbar_ta = sum_s A_tsa x_s; so a term is of the gradient at the output of head a, and
// of xbar_ta.
std::vector<OuterSums> attend_dense_back(ThreadPool& pool, const AttentionInputs& in,
                                         MatrixView<const float> dout, MatrixView<const float> x,
                                         const AttentionGradients& gradients);

}  // namespace lathe
