// What the new file says of itself.
#pragma once

#include <string>

#include "quant/pipeline/quantize.h"

namespace lathe {

// Counts up whenever an encoder gives other bytes than before.
inline constexpr std::uint32_t kEncoderVersion = 4;

inline constexpr const char* kEncoderKey = "lathe.quantize.encoder_version";
inline constexpr const char* kImatrixHashKey = "lathe.quantize.imatrix_sha256";
inline constexpr const char* kPrunedKey = "lathe.prune.layers";

// SHA-256 of the importance matrix's file; empty when there is none, or it is not from a file.
std::string imatrix_hash(const Imatrix* imatrix);

// The metadata of the new file: that of the source with the file type, the imatrix and the
// provenance of the job, less the pruned layers, the plan's overrides last.
Metadata quantized_metadata(const QuantizeJob& job);

// Identifies a job: two jobs with the same fingerprint give the same bytes.
std::string job_fingerprint(const QuantizeJob& job);

}  // namespace lathe
