// Healing a model that is pruned (quant/heal/heal_layers.h), and what that is worth.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "quant/eval/divergence.h"
#include "quant/heal/heal_layers.h"
#include "runtime/base/notes.h"
#include "runtime/tensor_source.h"
#include "tools/jobs/job_progress.h"
#include "tools/jobs/runner.h"
#include "tools/jobs/texts.h"

namespace lathe {

struct HealRequest {
  std::vector<std::string> texts;  // calibration; empty: nothing is healed
  // Of that many chunks, spread evenly over the texts; 0: all.
  std::size_t max_chunks = 128;
  std::size_t n_ctx = kEvalContext;  // tokens of a chunk
  OrderOptions order{};
  std::uint64_t memory = 0;  // bytes that it may take; 0: what there are
};

// Where what is healed is kept until the output that it is for is complete.
struct HealKeeping {
  std::string out_path;            // of that output
  std::string source_fingerprint;  // of the model
  OutputGate gate{};
  bool resume = false;  // take up what an interrupted run of the same healing left
};

// PPL and divergence from the original on the held-out part of the text.
struct HealFigures {
  DivergenceResult pruned, healed;
};

struct HealOutcome {
  HealResult result;
  HealFigures figures;
  TextOrigin text;
  std::size_t n_ctx = 0, n_chunks = 0;
  std::string kernels;  // what bits depend on: tier, OpenBLAS
  double seconds = 0.0;
  std::unique_ptr<HealedFiles> files{};  // to be removed when the output is complete
};

// `file` is the model, `pruned` (ascending) the layers that it will lose. Error (kUsage) for texts
// that are too short, models that are not in a float format, and what memory cannot hold; (kFailed)
// when stopped.
HealOutcome heal_model(const TensorSource& file, const std::vector<int>& pruned,
                       const HealRequest& request, const HealKeeping& keeping,
                       const KernelTable& kernels, ThreadPool& pool, const Notes& notes,
                       const JobProgress& progress);

// What the new file says of it: keys "lathe.heal.*". `fingerprint`: of the model that was healed.
std::vector<MetadataEntry> heal_provenance(const HealOutcome& outcome,
                                           const std::string& fingerprint);

}  // namespace lathe
