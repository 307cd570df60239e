// The legacy file form of importance matrices (".dat", though names say nothing).
//
//   i32 n_entries; each: i32 name_bytes, name, i32 n_calls, i32 n_values, f32[n_values]
//   optionally: i32 n_chunks, i32 dataset_bytes, data set name
//
// A value is the mean of x^2 times n_calls (the value itself where n_calls is 0).
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "quant/imatrix/imatrix.h"
#include "runtime/base/output_gate.h"

namespace lathe {

// Error (kBadInput) for anything that is not as above. `where` names the file.
Imatrix parse_legacy_imatrix(std::span<const std::uint8_t> bytes, const std::string& where);

// Writes that form; calls are chunks (the largest count of tokens over the chunk size, rounded up).
// Entries in order of name. What the form cannot hold is lost: means, counts of experts, hashes,
// all data sets but the first. The file appears when it is complete.
void write_legacy_imatrix(const Imatrix& imatrix, const OutputTarget& target);

}  // namespace lathe
