// The pipeline: a model, a plan and maybe an importance matrix to a new GGUF file.
//
// Tensors go through one after another in chunks of rows: decoded, encoded by all threads, written.
// Memory is a few chunks, whatever the size of the model. Rows are independent, so the bytes do not
// depend on the number of threads. The output has a temporary name until it is complete; then it is
// opened again and compared with the plan and, by sample, with the source.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "quant/imatrix/imatrix.h"
#include "quant/plan/plan.h"
#include "runtime/gguf/metadata.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

class GgufFile;

struct QuantizeProgress {
  std::size_t index = 0;  // of the current tensor in the plan
  const PlannedTensor* tensor = nullptr;
  std::uint64_t elements_done = 0;  // of all tensors
  std::uint64_t elements_total = 0;
};

struct QuantizeJob {
  const GgufFile& source;
  const Plan& plan;
  const Imatrix* imatrix = nullptr;
  std::string out_path;
  bool allow_requantize = false;
  // Called before the work, between chunks and at the end; false stops: nothing remains then.
  std::function<bool(const QuantizeProgress&)> progress = {};
};

struct TensorError {
  std::string name;
  double relative_rms = 0.0;  // of sampled rows: rms(new - source) / rms(source)
};

struct QuantizeResult {
  std::uint64_t file_bytes = 0;
  std::vector<TensorError> errors;    // of the tensors that were encoded, in the plan's order
  std::vector<std::string> warnings;  // importance that was missing or could not be used
};

// What would keep the job from running, each a sentence; empty when nothing would. Formats that
// lathe cannot write, quantized sources, importance that is missing or does not fit.
std::vector<std::string> plan_problems(const QuantizeJob& job);

// Error (kUsage) for plan_problems() and for an output that is the source, (kFailed) when the disk
// has no room, the work was stopped, or the result does not verify; (kBadInput) for a tensor with a
// NaN or a value that the format cannot hold, naming tensor and row.
QuantizeResult quantize(const QuantizeJob& job, const KernelTable& kernels, ThreadPool& pool);

// The metadata of the new file: that of the source with the file type and the imatrix of the job.
Metadata quantized_metadata(const QuantizeJob& job);

}  // namespace lathe
