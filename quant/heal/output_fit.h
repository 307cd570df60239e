// Refits the matrix that adds to the residual stream: x + W f, or x + g n(W f) where a norm stands
// behind it (n(y) = y / rms(y), g its gain), so that the stream comes closest to a target.
#pragma once

#include <vector>

#include "quant/heal/calibration_rows.h"
#include "runtime/algebra/dense_matrix.h"
#include "runtime/forward/hidden_store.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// Rows are the same tokens in all stores.
struct OutputTask {
  const CalibrationRows& rows;
  const HiddenStore& features;  // f: [n_rows, n_in]
  const HiddenStore& before;    // x: [n_rows, n_embd]
  const HiddenStore& target;    // what x + ... should be
  std::vector<float> bias;      // [n_embd] added to W f; empty: none
  bool norm = false;            // a norm stands behind
  double norm_epsilon = 1e-6;
};

struct OutputWeights {
  DenseMatrix<float> matrix;  // [n_embd, n_in]
  std::vector<float> gain;    // [n_embd] of the norm behind it; empty: none
};

struct OutputError {
  double squared = 0.0, wanted = 0.0;  // sums: |target - (x + ...)|^2, |target - x|^2

  // As a share of what should be added.
  double relative() const noexcept;
};

OutputError output_error(ThreadPool& pool, const OutputTask& task, const OutputWeights& weights,
                         RowPart part);

// The weights that fit the rows that are not held out, from `start` on: a ridge (a share of the
// mean square of the features) pulls towards it. With a norm behind, f is scaled by the norm's
// 1 / rms under the weights so far, the target divided by the gain, `n_norm_steps` times; then the
// gain is refitted channel by channel. Channels with a gain of almost nothing keep their rows.
OutputWeights fit_output(ThreadPool& pool, const OutputTask& task, const OutputWeights& start,
                         double ridge, int n_norm_steps);

}  // namespace lathe
