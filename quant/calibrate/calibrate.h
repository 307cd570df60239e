// Calibrated rounding of a whole model: layer after layer, each group of matrices with knowledge of
// what all before it have become (GPTQ with the corrected targets of GPTAQ and QEP: Frantar et al.
// 2022, Li et al. 2025, Arai et al. 2025).
//
// Every token of the calibration texts has two hidden states: through the source's weights, and
// through those written so far, as the engine itself runs them. In each layer the source's path
// runs once and is kept; the other runs up to the input of each group (runtime/layer_range.h),
// whose moments decide the group (quant/calibrate/group_rounder.h), and goes on from there with the
// group as decided. Memory: the hidden states and inputs of one layer for all tokens, or a file of
// them; the second moment of one input, four times.
//
// Embeddings are encoded plainly, and so are formats without calibrated rounding; a head of its own
// is calibrated on the last hidden states.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"
#include "quant/calibrate/calibrated_files.h"
#include "quant/calibrate/calibration_set.h"
#include "quant/calibrate/settings.h"
#include "quant/plan/plan.h"
#include "runtime/forward/forward_runner.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

struct CalibrateJob {
  // The source as it runs: its weights, maybe an overlay's; layers that the plan prunes are
  // skipped.
  const RunModel& model;
  const Plan& plan;
  const CalibrationSet& set;
  const KernelTable& kernels;
  ThreadPool& pool;
  RunOptions run;  // how texts go through the model
  CalibrationSettings settings{};
  // Called often, with the share of the work that is done and what is being done; false stops.
  std::function<bool(double fraction, std::string_view step)> progress{};
};

// Makes what is not yet among `files`. Error (kFailed) when stopped, and for an input that is not
// finite; (kBadInput) for weights that a format cannot hold.
void calibrate(const CalibrateJob& job, CalibratedFiles& files);

}  // namespace lathe
