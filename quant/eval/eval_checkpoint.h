// What an evaluation has measured so far, to go on with later: nothing is rounded.
//
// A GGUF file without tensors: general.type = "lathe.eval-checkpoint", what the run is of ("of.*"),
// the size of each unit's record (chunk or task), and all their numbers one after another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "runtime/base/output_gate.h"
#include "runtime/identity/run_identity.h"

namespace lathe {

using UnitRecords = std::vector<std::vector<double>>;  // units in order, from the first on

// The file appears when it is complete.
void write_eval_checkpoint(const UnitRecords& records, const RunIdentity& identity,
                           const OutputTarget& target);
// Error (kBadInput) for files that are no checkpoint; (kUsage) naming what differs from `identity`.
UnitRecords read_eval_checkpoint(const std::string& path, const RunIdentity& identity);
// The same from memory; `path` names it in messages.
UnitRecords parse_eval_checkpoint(std::span<const std::uint8_t> bytes, const RunIdentity& identity,
                                  const std::string& path);
bool is_eval_checkpoint(const std::string& path);

// Error (kBadInput) where the record of a unit has not the size that it should.
void check_record_sizes(const UnitRecords& records,
                        const std::function<std::size_t(std::size_t)>& size_of);

}  // namespace lathe
