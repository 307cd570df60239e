// Measures the costs of a model's tensors in each format (quant/costs) on calibration texts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "quant/costs/cost_file.h"
#include "runtime/base/notes.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/job_progress.h"
#include "tools/jobs/runner.h"

namespace lathe {

struct MeasureRequest {
  EngineOptions engine;            // of it: the model that is planned, threads, context
  std::string isa;                 // tier of the kernels; empty: the best
  std::vector<std::string> texts;  // weighted evenly
  std::size_t n_tokens = 4096;     // of all texts
  std::string gradients;           // a quantized file of the model; empty: the model itself
  std::vector<Format> formats;     // empty: usual_cost_formats()
  std::size_t n_rows = 32;         // of each tensor that are encoded; 0: all
  bool importance = true;          // of encoders: as with an importance matrix
  bool calibrated = false;         // costs of quantize --calibrate
  std::uint64_t seed = 1;
  bool layers = false;  // measure the divergence without each layer, too
  OrderOptions order;   // of that; its folder keeps the gradients' hidden states, too
};

// From each text chunks of the context at even distances, so that they show all of it.
//
// Error (kUsage) for a text that is too short, as of measure_costs(); (kBadInput) for files that
// are no models; (kFailed) when the progress says stop.
CostFile run_measure(const MeasureRequest& request, const Notes& notes,
                     const JobProgress& progress);

// Names separated by commas. Error (kUsage) naming `option` for types that lathe does not know or
// cannot write.
std::vector<Format> parse_formats(const std::string& list, const char* option);

}  // namespace lathe
