// What decides every byte of a calibrated file, beside its source and its plan; for provenance,
// --reuse and --resume.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "quant/calibrate/settings.h"

namespace lathe {

struct CalibrationOrigin {
  std::vector<std::string> texts, sha256;  // names, and hashes of the whole texts
  std::size_t n_tokens = 0, n_ctx = 0;     // that were run
  std::string tokens_sha256;               // of those
  CalibrationSettings settings{};
  // The same source, texts and settings give other bytes on another kind of CPU: kernels of the
  // engine and of OpenBLAS.
  std::string tier, blas;
  std::string cache;  // types of the KV cache
};

// "correction 0.75 or chosen, damping 0.03, shrinkage 0.2 or chosen, sweeps 2"
std::string settings_text(const CalibrationSettings& settings);

// 64 hexadecimal digits over all of it, this very lathe, the source
// (runtime/identity/fingerprint.h) and the decisions of the plan (decisions_sha256).
std::string calibration_fingerprint(const CalibrationOrigin& origin, const std::string& source,
                                    const std::string& decisions);

}  // namespace lathe
