// The pipeline: a model, a plan and maybe an importance matrix to a new GGUF file.
//
// Tensors go through one after another in chunks of rows: decoded, encoded by all threads, written.
// Memory is a few chunks, whatever the size of the model. Rows are independent, so the bytes do not
// depend on the number of threads. The output has a temporary name until it is complete; then it is
// opened again and verified (quant/pipeline/verify.h) before it gets its name.
//
// A job that is stopped, or whose disk is full, keeps what is finished beside the output (OUT.part
// and its journal, see quant/pipeline/journal.h); the same job with `resume` goes on from there.
// Any other end without success leaves nothing.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "kernels/kernel_table.h"
#include "quant/imatrix/imatrix.h"
#include "quant/plan/plan.h"
#include "runtime/gguf/metadata.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

class GgufFile;
class OutputGate;
class TensorSource;
struct ModelIdentity;
struct UsedCalibration;

// Looking through the source, writing, reading what was written: each goes over all tensors. What
// goes on where another run stopped has looked already.
enum class QuantizePhase : std::uint8_t { kCheck, kEncode, kVerify };

struct QuantizeProgress {
  QuantizePhase phase = QuantizePhase::kEncode;
  std::size_t n_tensors_done = 0;         // in this phase
  const PlannedTensor* tensor = nullptr;  // the current one
  std::uint64_t elements_done = 0;        // of all tensors, in this phase
  std::uint64_t elements_total = 0;
};

// How the output is cut into files; nothing set: one file.
struct SplitRequest {
  bool like_source = false;     // the files of the source, each with its own tensors
  std::uint64_t max_bytes = 0;  // tensor data of a file; a larger tensor has a file of its own
  std::size_t max_tensors = 0;  // of a file

  bool any() const noexcept { return like_source || max_bytes > 0 || max_tensors > 0; }
};

struct QuantizeJob {
  const TensorSource& source;
  const Plan& plan;
  const Imatrix* imatrix = nullptr;
  std::string out_path;
  bool allow_requantize = false;
  // Called before the work, between chunks and at the end; false stops the job.
  std::function<bool(const QuantizeProgress&)> progress = {};
  // What layers are by their number, one entry for each (models/registry.h): for pruned models.
  std::vector<MetadataEntry> layer_metadata = {};
  SplitRequest split = {};
  bool resume = false;                  // go on with what a stopped run of the same job left
  const TensorSource* reuse = nullptr;  // an older output: what would come out the same is copied
  bool provenance = true;               // say in the file how it was made
  // Of the source (runtime/identity/fingerprint.h); null: worked out by quantize(), which reads all
  // of the source for that.
  const ModelIdentity* identity = nullptr;
  // What was done to the source before, for the provenance: keys "lathe.*".
  std::vector<MetadataEntry> steps = {};
  // Loads the new file as a model, before it gets its name: Error when it is none that runs;
  // otherwise a note where that could not be found out, or nothing. Without it nothing is loaded.
  std::function<std::string(const GgufFile& written)> check_loads = {};
  // Tensors whose codes were chosen by calibration (quant/calibrate/use_calibration.h); null: none.
  const UsedCalibration* calibration = nullptr;
  const OutputGate* gate = nullptr;  // knows what else the run reads, beyond what is named here
};

struct TensorError {
  std::string name;    // in the new file
  std::string reason;  // of its format
  Format format = Format::F32;
  double relative_rms = 0.0;            // of sampled rows: rms(new - source) / rms(source)
  std::optional<double> weighted = {};  // the same, each column weighted by its importance
  bool source_quantized = false;        // the error adds to that of the source
};

struct QuantizeResult {
  std::vector<std::string> paths;  // the files that were written
  std::uint64_t file_bytes = 0;    // of all of them
  std::size_t n_calibrated = 0;    // among those that were encoded
  std::size_t n_encoded = 0, n_copied = 0, n_reused = 0, n_resumed = 0;  // tensors
  std::vector<TensorError> errors;    // of the tensors that have another format than the source
  std::vector<std::string> warnings;  // importance that could not be used, what was not checked
};

// What would keep the job from running, each a sentence; empty when nothing would. Formats that
// lathe cannot write, quantized sources, importance that is missing or does not fit.
std::vector<std::string> plan_problems(const QuantizeJob& job);

// Error (kUsage) for plan_problems(), for an output that the run reads or that cannot be written
// (runtime/base/output_gate.h), also by its temporary name, and for a resume without anything to go
// on with or after another job; (kFailed) when the disk has no room, the work was stopped, or the
// result does not verify; (kBadInput), naming tensor and row, for NaN and infinity anywhere in what
// the plan takes from the source, before anything is written, and for a value that the format
// cannot hold.
QuantizeResult quantize(const QuantizeJob& job, const KernelTable& kernels, ThreadPool& pool);

// The first of those errors that can be known without reading the source: for work that comes
// before quantize(). The disk needs room for `extra_bytes` as well.
void check_before_work(const QuantizeJob& job, std::uint64_t extra_bytes = 0);

// The tensors that a stopped run left for `resume`; 0 when there is nothing.
std::size_t resumable_tensors(const std::string& out_path);

}  // namespace lathe
