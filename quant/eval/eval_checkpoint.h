// What an evaluation has measured so far, to go on with later: nothing is rounded.
//
// A GGUF file without tensors: general.type = "lathe.eval-checkpoint", what the run is of ("of.*"),
// and each unit (chunk or task) as an array of float64.
#pragma once

#include <string>
#include <vector>

#include "quant/eval/run_identity.h"

namespace lathe {

using UnitRecords = std::vector<std::vector<double>>;  // units in order, from the first on

// The file appears when it is complete.
void write_eval_checkpoint(const UnitRecords& records, const RunIdentity& identity,
                           const std::string& path);
// Error (kBadInput) for files that are no checkpoint; (kUsage) naming what differs from `identity`.
UnitRecords read_eval_checkpoint(const std::string& path, const RunIdentity& identity);

}  // namespace lathe
