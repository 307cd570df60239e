// The probe of the Fisher information of a model's output: a random vector v at the logits with
// E[v v^T] = diag(p) - p p^T, which is the second derivative of the KL divergence there. So half of
// E[<v, dz>^2] is the divergence that a small change dz of the logits makes.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// In the place of logits z, row by row: v = u - p sum(u), u_k = sqrt(p_k) s_k, p = softmax(z),
// s_k = +-1 drawn by seed, row and k. first_row: number of the first row among all of a pass.
void probe_rows(ThreadPool& pool, std::uint64_t seed, std::size_t first_row,
                MatrixView<float> logits) noexcept;

}  // namespace lathe
