// The triangular factor of a matrix input's second moment, by which columns are rounded one after
// the other, each making up for the errors of those before it.
//
// With p the order of columns, H[p,p] = R R^T and R upper triangular, N_kj = R_kj / R_jj and
// D_j = R_jj^2, the cost of any error e of a row (in that order) is
//
//   e H e^T = sum_j D_j (e_j + sum_{k<j} e_k N_kj)^2
//
// so column j is best rounded as w_j + sum_{k<j} e_k N_kj: LDLQ (Chee et al. 2023), which is GPTQ's
// rule (Frantar et al. 2022) without an inverse.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtime/base/aligned_buffer.h"
#include "runtime/base/matrix_view.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

class RoundingFactor {
 public:
  // h: [n, n] symmetric, positive definite (shrunk and damped by the caller); n a multiple of 32.
  // Error (kFailed) when it is not positive definite. Memory: n^2 floats.
  RoundingFactor(ThreadPool& pool, MatrixView<const float> h);

  std::size_t size() const noexcept { return order_.size(); }

  // Columns as they are rounded: the heavy ones first, while there are others to make up for them.
  // Blocks of 32 by falling mean of H_jj, in each the blocks of 16 and the groups of 8 likewise,
  // and the columns of a group as they are: so that one order serves all formats.
  std::span<const std::uint32_t> order() const noexcept { return order_; }

  // Rows and columns of N, which has ones on the diagonal and zeros left of it.
  MatrixView<const float> part(std::size_t row, std::size_t n_rows, std::size_t col,
                               std::size_t n_cols) const noexcept {
    return {factor() + row * size() + col, n_rows, n_cols, size()};
  }
  // D in units of unit(), which is the mean of H_jj.
  std::span<const float> weights() const noexcept { return weights_; }
  double unit() const noexcept { return unit_; }
  // H_jj in the columns' own order, fit for encoders (quant/codecs/codec.h).
  std::span<const float> importance() const noexcept { return importance_; }

 private:
  float* factor() const noexcept { return factor_.as<float>().data(); }

  std::vector<std::uint32_t> order_;
  AlignedBuffer factor_;
  std::vector<float> weights_, importance_;
  double unit_ = 0.0;
};

}  // namespace lathe
