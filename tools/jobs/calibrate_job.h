// Calibrated rounding as a part of quantizing: opens the model and the texts, and makes the
// calibrated tensors beside the output.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"
#include "quant/calibrate/calibrate.h"
#include "quant/calibrate/calibration_origin.h"
#include "quant/heal/student.h"
#include "quant/pipeline/quantize.h"
#include "runtime/base/notes.h"
#include "runtime/machine/thread_pool.h"
#include "tools/jobs/calibration_texts.h"
#include "tools/jobs/runner.h"

namespace lathe {

struct CalibrateOptions {
  CalibrationTextOptions text;  // no files: no calibration
  CalibrationSettings settings;
  OrderOptions order;
  bool resume = false;       // take up what an interrupted run of the same calibration left
  std::uint64_t memory = 0;  // bytes that it may take; 0: what there are

  bool wanted() const noexcept { return !text.files.empty(); }
};

// Not to be moved: parts point at each other.
class CalibrateTask {
 public:
  // Opens the texts. `file` is the source of the job, or what that source is with some tensors
  // `replaced` (null: none). Error (kUsage) where the model is none that runs, and as of
  // CalibrationTexts.
  CalibrateTask(const CalibrateOptions& options, const TensorSource& file,
                const ReplacedTensors* replaced, const KernelTable& kernels, const Notes& notes);
  ~CalibrateTask();

  const CalibrationOrigin& origin() const noexcept { return origin_; }

  // What decides every byte. The job's identity must be there.
  std::string fingerprint(const QuantizeJob& job) const;
  // Makes the tensors of the job, or to resume those that are missing. Error as of calibrate().
  CalibratedFiles& run(const QuantizeJob& job, ThreadPool& pool,
                       const std::function<bool(double fraction, std::string_view step)>& progress);

 private:
  void say_what_the_text_is(const QuantizeJob& job) const;

  CalibrateOptions options_;
  const TensorSource& file_;
  const KernelTable& kernels_;
  Notes notes_;
  std::unique_ptr<Model> model_;
  WeightSet weights_;
  CalibrationTexts texts_;
  CalibrationOrigin origin_;
  std::unique_ptr<CalibratedFiles> files_;
};

}  // namespace lathe
