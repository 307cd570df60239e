// Measures what formats cost: one pass forwards and backwards over a few thousand tokens, then a
// few rows of each tensor through each encoder.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quant/costs/tensor_costs.h"
#include "quant/eval/text_chunks.h"
#include "runtime/base/mapped_file.h"
#include "runtime/model.h"

namespace lathe {

// Share of the work of a step, and what is being done; false stops.
using CostProgress = std::function<bool(double fraction, std::string_view step)>;

struct MeasureOptions {
  std::vector<Format> formats = usual_cost_formats();
  std::size_t n_rows = 32;     // of each tensor that are encoded; 0: all
  bool importance = true;      // as quantizing with an importance matrix has it
  bool calibrated = false;     // of calibrated rounding (quant/costs/rounding_gains.h)
  std::uint64_t seed = 1;      // of the probe
  std::string spill_folder{};  // for hidden states; empty: memory
  bool drop_weights = false;   // for models larger than memory
};

// The model whose gradients are taken: the one that is planned, or a quantized file of it.
struct GradientModel {
  const Model& model;
  std::span<const MappedFile> files;
};

// By tensor of `source` that formats can be chosen for, in its order. Positions of the second half
// of each chunk are probed, as they are the ones that evaluations score.
//
// Error (kUsage) for an architecture without a gradient, and where a tensor of the source is not in
// the model for the gradients, or has another shape there; (kFailed) when the progress says stop,
// and for gradients that are not finite.
std::vector<TensorCosts> measure_costs(const TensorSource& source, const GradientModel& gradients,
                                       const TextChunks& text, const MeasureOptions& options,
                                       const KernelTable& kernels, ThreadPool& pool,
                                       const CostProgress& progress);

}  // namespace lathe
