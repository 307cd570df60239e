// Ops that treat each row of activations on its own.
#pragma once

#include "runtime/base/matrix_view.h"
#include "runtime/batch.h"
#include "runtime/exec_context.h"
#include "runtime/weight_view.h"

namespace lathe {

// out[i] = row items[i].token of `table` in float32; out: [n_items, cols of the table].
void look_up(ExecContext& ctx, const WeightView& table, Batch items,
             MatrixView<float> out) noexcept;

// out = x / sqrt(mean(x^2) + eps) * weight for each row; weight: F32 [cols]. out may be x.
void rms_norm(ExecContext& ctx, MatrixView<const float> x, const WeightView& weight, float eps,
              MatrixView<float> out) noexcept;

// x += y.
void add(ExecContext& ctx, MatrixView<float> x, MatrixView<const float> y) noexcept;

}  // namespace lathe
