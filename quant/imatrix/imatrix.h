// An importance matrix: for each weight matrix, how strongly calibration text excited each of its
// input columns (sums of squares), and its two file forms.
//
// GGUF form: general.type = "imatrix", imatrix.datasets, imatrix.chunk_count, imatrix.chunk_size;
// per weight W two F32 tensors, W.in_sum2 [n_cols, n_mat] and W.counts [1, n_mat]; where means are
// kept also W.in_sum, of the shape of in_sum2. Keys "lathe.*" say where it comes from. Legacy form
// (quant/imatrix/legacy.h): a count of entries, then name, calls and values of each. Both are
// written and read, and told apart by content, not by name.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "quant/imatrix/imatrix_origin.h"
#include "runtime/base/output_gate.h"

namespace lathe {

struct ImatrixEntry {
  std::size_t n_cols = 0;
  std::vector<float> sum2;    // [n_mat, n_cols] sums over tokens of x^2; finite, >= 0
  std::vector<float> counts;  // [n_mat] number of tokens
  std::vector<float> sum{};   // [n_mat, n_cols] sums over tokens of x; empty where not collected

  std::size_t n_mat() const noexcept { return counts.size(); }
  // Mean of x^2 by column; 1 everywhere for a matrix that never saw a token.
  std::vector<float> importance(std::size_t mat = 0) const;
};

struct Imatrix {
  std::string origin;    // file it was read from
  std::string sha256{};  // of that file
  std::vector<std::string> datasets;
  std::vector<std::string> dataset_sha256;  // one for each data set, or none
  ImatrixOrigin model;                      // what it was collected from
  std::uint32_t chunk_count = 0;
  std::uint32_t chunk_size = 0;  // tokens per chunk; 0 where the file does not say (legacy)
  std::map<std::string, ImatrixEntry, std::less<>> entries;  // by name of the weight

  const ImatrixEntry* find(std::string_view weight) const noexcept;  // nullptr when absent
};

// Error (kBadInput) that says where and what: truncated files, lying lengths, missing keys, tensors
// that do not belong together, negative or non-finite values.
Imatrix read_imatrix(const std::string& path);
Imatrix parse_imatrix(std::span<const std::uint8_t> bytes, const std::string& where);

// Writes the GGUF form; the file appears when it is complete.
void write_imatrix(const Imatrix& imatrix, const OutputTarget& target);

}  // namespace lathe
