#include "runtime/gradient/dense_attention.h"

#include <algorithm>
#include <cmath>

#include "runtime/algebra/blas.h"
#include "runtime/algebra/dense_matrix.h"

namespace lathe {
namespace {

using Matrix = DenseMatrix<float>;

using blas::Side;

// c = a b^T, a b, a^T b; or added to what c holds.
void gemm_nt(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c) noexcept {
  blas::gemm(Side::kPlain, Side::kTransposed, a.cols, 1.0f, a, b, 0.0f, c);
}
void gemm_nn(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c) noexcept {
  blas::gemm(Side::kPlain, Side::kPlain, a.cols, 1.0f, a, b, 0.0f, c);
}
void add_tn(MatrixView<const float> a, MatrixView<const float> b, MatrixView<float> c) noexcept {
  blas::gemm(Side::kTransposed, Side::kPlain, a.rows, 1.0f, a, b, 1.0f, c);
}

// Columns of one head in the rows of a text.
template <typename T>
MatrixView<T> part(MatrixView<T> all, const TextRows& text, std::size_t head, std::size_t dim) {
  return all.slice(text.first, text.n).columns(head * dim, dim);
}

// Scores to weights: a softmax over the keys that each query sees, 0 elsewhere.
void softmax_rows(MatrixView<float> scores, std::size_t window) noexcept {
  for (std::size_t t = 0; t < scores.rows; ++t) {
    float* const s = scores.row(t);
    const std::size_t first = window > 0 && t + 1 > window ? t + 1 - window : 0;
    const float max = *std::max_element(s + first, s + t + 1);
    double sum = 0.0;
    for (std::size_t u = first; u <= t; ++u) sum += s[u] = std::exp(s[u] - max);
    const auto factor = static_cast<float>(1.0 / sum);
    for (std::size_t u = first; u <= t; ++u) s[u] *= factor;
    std::fill(s, s + first, 0.0f);
    std::fill(s + t + 1, s + scores.cols, 0.0f);
  }
}

// dA to dS = A (dA - rowsum(A dA)).
void softmax_back(MatrixView<const float> a, MatrixView<float> da) noexcept {
  for (std::size_t t = 0; t < a.rows; ++t) {
    const float* const weight = a.row(t);
    float* const d = da.row(t);
    double along = 0.0;
    for (std::size_t u = 0; u < a.cols; ++u) along += double{weight[u]} * d[u];
    for (std::size_t u = 0; u < a.cols; ++u) {
      d[u] = weight[u] * (d[u] - static_cast<float>(along));
    }
  }
}

// One (text, query head) of a pass, and its weights A.
class HeadWeights {
 public:
  HeadWeights(const AttentionInputs& in, const TextRows& text, std::size_t head)
      : q(part(in.q, text, head, in.shape.head_dim)),
        k(part(in.k, text, head / in.shape.group(), in.shape.head_dim)),
        v(part(in.v, text, head / in.shape.group(), in.shape.head_dim)),
        a_(text.n, text.n) {
    gemm_nt(q, k, a_.view());
    softmax_rows(a_.view(), in.window);
  }
  MatrixView<const float> a() const noexcept { return a_.view(); }

  const MatrixView<const float> q, k, v;

 private:
  Matrix a_;
};

template <class F>
void for_tasks(ThreadPool& pool, const AttentionInputs& in, F f) {
  const std::size_t heads = in.shape.n_head_kv;
  openblas_set_num_threads(1);
  pool.for_each(in.texts.size() * heads, [&](std::size_t task, int) noexcept {
    f(in.texts[task / heads], task % heads, task);
  });
}

// All query heads of a group on one text.
OuterSums group_back(const AttentionInputs& in, const TextRows& text, std::size_t kv_head,
                     MatrixView<const float> dout, MatrixView<const float> x,
                     const AttentionGradients& gradients) {
  const std::size_t dim = in.shape.head_dim, group = in.shape.group();
  const MatrixView<const float> inputs = x.slice(text.first, text.n);
  const MatrixView<float> dk = part(gradients.k, text, kv_head, dim);
  const MatrixView<float> dv = part(gradients.v, text, kv_head, dim);
  Matrix da(text.n, text.n), mixed(text.n, x.cols);
  OuterSums sums(dim, x.cols);
  for (std::size_t t = 0; t < text.n; ++t) {
    std::fill_n(dk.row(t), dim, 0.0f);
    std::fill_n(dv.row(t), dim, 0.0f);
  }
  for (std::size_t i = 0; i < group; ++i) {
    const std::size_t head = kv_head * group + i;
    const MatrixView<const float> d = part(dout, text, head, dim);
    const HeadWeights of(in, text, head);
    gemm_nt(d, of.v, da.view());
    softmax_back(of.a(), da.view());
    gemm_nn(da.view(), of.k, part(gradients.q, text, head, dim));
    add_tn(da.view(), of.q, dk);
    add_tn(of.a(), d, dv);
    gemm_nn(of.a(), inputs, mixed.view());
    add_terms(d, mixed.view(), sums);
  }
  return sums;
}

}  // namespace

void attend_dense(ThreadPool& pool, const AttentionInputs& in, MatrixView<float> out) {
  for_tasks(pool, in, [&](const TextRows& text, std::size_t kv_head, std::size_t) {
    for (std::size_t i = 0; i < in.shape.group(); ++i) {
      const std::size_t head = kv_head * in.shape.group() + i;
      const HeadWeights of(in, text, head);
      gemm_nn(of.a(), of.v, part(out, text, head, in.shape.head_dim));
    }
  });
}

std::vector<OuterSums> attend_dense_back(ThreadPool& pool, const AttentionInputs& in,
                                         MatrixView<const float> dout, MatrixView<const float> x,
                                         const AttentionGradients& gradients) {
  std::vector<OuterSums> by_task(in.texts.size() * in.shape.n_head_kv);
  for_tasks(pool, in, [&](const TextRows& text, std::size_t kv_head, std::size_t task) {
    by_task[task] = group_back(in, text, kv_head, dout, x, gradients);
  });
  std::vector<OuterSums> by_head(in.shape.n_head_kv, OuterSums(in.shape.head_dim, x.cols));
  for (std::size_t task = 0; task < by_task.size(); ++task) {
    by_head[task % in.shape.n_head_kv].add(by_task[task], 0);
  }
  return by_head;
}

}  // namespace lathe
