// How far the second moment of an input is shrunk, and how much of what the weights before have
// changed is corrected: what costs a few rows of a matrix least on held-out tokens. They are of the
// calibration text itself, and say nothing of what it lacks: so no shrinkage less than the
// settings' is tried. What that won there was within noise, and shrinkage is what keeps rare tokens
// safe (docs/calibrated.md).
#pragma once

#include <functional>
#include <optional>

#include "kernels/kernel_table.h"
#include "quant/calibrate/rounding/rounding.h"
#include "quant/calibrate/settings.h"
#include "runtime/algebra/dense_matrix.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

// Rows of a matrix, [k, n].
struct ChoiceRows {
  MatrixView<const float> weights;  // of the source
  MatrixView<const float> step;     // what correcting everything adds to them
  // Of blocks [k, row_bytes(format, n)] in their place, on held-out tokens; all that differs from
  // the source's path counts.
  std::function<double(const std::uint8_t* blocks)> loss;
};

// The moment that rounding is done with, and its factor.
struct RoundingMetric {
  DenseMatrix<float> h;  // conditioned() with the settings' damping and shrinkage
  std::optional<RoundingFactor> factor;
};

// The settings with what is to be chosen chosen, and the metric made for it. Others stay as they
// are where no value is better than theirs by a thousandth. Tried beside them are a shrinkage of
// 0.4, corrections of 0.5 and 1.
CalibrationSettings chosen_settings(const ChoiceRows& rows, Format format,
                                    const CalibrationSettings& settings, const KernelTable& kernels,
                                    ThreadPool& pool, RoundingMetric& metric);

}  // namespace lathe
