// A calibration as the pipeline uses it.
#pragma once

#include <string>

#include "quant/calibrate/calibrated_files.h"
#include "quant/calibrate/calibration_origin.h"
#include "quant/calibrate/input_group.h"
#include "quant/plan/plan.h"

namespace lathe {

struct UsedCalibration {
  CalibrationOrigin origin;
  std::string fingerprint;                 // calibration_fingerprint()
  const CalibratedFiles* files = nullptr;  // null where an older output has it all (--reuse)

  // Whether calibration decides the bytes of the tensor.
  static bool decides(const PlannedTensor& tensor) noexcept {
    return !tensor.copied() && is_calibrated_role(tensor.source.name);
  }
};

}  // namespace lathe
