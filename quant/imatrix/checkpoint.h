// What a collection has summed so far, to go on with later: nothing is rounded.
//
// A GGUF file without tensors: general.type = "lathe.imatrix-checkpoint", what the run was of
// ("of.*"), sums as arrays of float64. It stands beside the importance matrix until that is done.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "quant/eval/statistics.h"
#include "runtime/base/output_gate.h"
#include "runtime/identity/run_identity.h"

namespace lathe {

struct CollectedSums {
  std::uint64_t n_rows = 0;  // tokens
  std::vector<double> sum2;  // of x^2, by column
  std::vector<double> sum;   // of x
};

struct Checkpoint {
  std::uint64_t n_chunks = 0;  // done
  Moments nll;
  std::map<std::string, CollectedSums> sums;  // by name of the weight
};

// The file appears when it is complete.
void write_checkpoint(const Checkpoint& checkpoint, const RunIdentity& identity,
                      const OutputTarget& target);
// Error (kBadInput) for files that are no checkpoint; (kUsage) naming what differs from `identity`.
Checkpoint read_checkpoint(const std::string& path, const RunIdentity& identity);
bool is_imatrix_checkpoint(const std::string& path);

}  // namespace lathe
