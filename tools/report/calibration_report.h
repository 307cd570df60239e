// How calibrated rounding came out, for people.
#pragma once

#include <string>
#include <vector>

#include "quant/calibrate/calibrated_files.h"

namespace lathe {

// Errors of outputs before and after, by role of the tensors, or each of them; then what fell back.
// Empty when nothing was calibrated.
std::string calibration_text(const std::vector<CalibratedTensor>& tensors, bool full);

}  // namespace lathe
