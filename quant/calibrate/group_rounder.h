// Decides the matrices of one input: corrects their target for what the weights before have become,
// rounds with feedback, and looks at held-out tokens whether that is better than plain rounding.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "quant/calibrate/held_out_choice.h"
#include "quant/calibrate/input_moments.h"
#include "quant/calibrate/rounding/rounding.h"
#include "quant/calibrate/settings.h"
#include "runtime/base/aligned_buffer.h"

namespace lathe {

struct RoundedMatrix {
  AlignedBuffer blocks;
  bool has_rounding = false;  // the format has calibrated rounding
  bool fell_back = false;     // plain rounding was better on held-out tokens, and is what was kept
  // Root mean square errors of the output, as shares of it: of plain and of calibrated rounding, on
  // the tokens that decided.
  double plain_error = 0.0, error = 0.0;
  // Of errors on held-out tokens, with what the weights before have lost: calibrated over plain.
  double held_out_ratio = 1.0;
};

class GroupRounder {
 public:
  GroupRounder(const KernelTable& kernels, ThreadPool& pool, InputMoments decided,
               HeldOutTokens held_out, const CalibrationSettings& settings);
  ~GroupRounder();

  // w: [r, n]. Error (kBadInput) naming `name` for values that the format cannot hold.
  RoundedMatrix round(MatrixView<const float> w, Format format, const std::string& name);

 private:
  void prepare_target(MatrixView<const float> h);
  void prepare_rounding(DenseMatrix<float> h);
  const RoundingFactor& factor();  // made when it is first needed
  DenseMatrix<float> correction_of(MatrixView<const float> w);
  void put_target(MatrixView<const float> w, MatrixView<float> step) const noexcept;
  void choose(MatrixView<const float> w, MatrixView<const float> step, Format format);
  DenseMatrix<float> asked_for(MatrixView<const float> w, std::span<const std::size_t> rows,
                               float correction) const;
  double held_out_loss(MatrixView<const float> w, Format format, const std::uint8_t* blocks,
                       std::span<const std::size_t> rows, MatrixView<const float> asked) const;

  const KernelTable& kernels_;
  ThreadPool& pool_;
  CalibrationSettings settings_;
  DenseMatrix<float> lower_;  // Cholesky factor of the damped H, for targets
  DenseMatrix<float> cross_;  // D or C - H
  bool shared_;               // C - H
  HeldOutTokens held_out_;
  std::vector<float> importance_;  // its diagonal, as plain encoders take it; or empty
  RoundingMetric metric_;          // its factor where it was needed
  bool chosen_ = false;            // what of the settings held-out tokens choose
};

}  // namespace lathe
