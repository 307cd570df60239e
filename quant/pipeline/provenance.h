// What the new file says of itself. Written anew at each step: keys by which the source says how it
// was made itself are not carried over, but for the layers that it lacks.
//
// lathe.quantize.tensors has a text "NAME SOURCE IMPORTANCE" for each tensor of the file: hashes
// (runtime/identity/tensor_hash.h) of the source's data and of the importance that encoded it ("-"
// for none). With the encoder's version and the format they decide every byte: what --reuse goes
// by.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "quant/pipeline/quantize.h"
#include "quant/plan/pruned_layers.h"

namespace lathe {

// Counts up whenever an encoder gives other bytes than before.
inline constexpr std::uint32_t kEncoderVersion = 4;

inline constexpr const char* kEncoderKey = "lathe.quantize.encoder_version";
inline constexpr const char* kTensorsKey = "lathe.quantize.tensors";

// Of a file whose codes were chosen by calibration: its fingerprint (quant/calibrate).
inline constexpr const char* kCalibrationKey = "lathe.calibrate.fingerprint";

// What decided the bytes of a tensor, beside its format and the encoders.
struct TensorInputs {
  // Hashes. "-" for no importance; the fingerprint of a calibration where that decided.
  std::string source, importance;

  bool operator==(const TensorInputs&) const = default;
};
using InputsByTensor = std::map<std::string, TensorInputs, std::less<>>;

// Of a job, by names in the new file. A job without `identity` (nothing was read yet: a dry run)
// has hashes of zeros, here and below: texts of the right lengths.
InputsByTensor tensor_inputs(const QuantizeJob& job);
// Of a file that says it; empty where it does not, or wrongly.
InputsByTensor read_tensor_inputs(const Metadata& metadata);

// The metadata of the new file: that of the source with the file type, the imatrix and the
// provenance of the job, less the pruned layers, the plan's overrides last.
Metadata quantized_metadata(const QuantizeJob& job);

// Identifies a job: two jobs with the same fingerprint give the same bytes.
std::string job_fingerprint(const QuantizeJob& job);

}  // namespace lathe
