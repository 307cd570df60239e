// What an evaluation has measured so far, to go on with later: nothing is rounded.
//
// A GGUF file without tensors: general.type = "lathe.eval-checkpoint", what the run is of ("of.*"),
// the same in words, which process wrote it, the size of each unit's record (chunk or task), and
// all their numbers one after another.
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

// What stands in a checkpoint beside its numbers.
struct CheckpointLabel {
  RunIdentity identity{};
  std::string about{};           // in words: "eval ppl of m.gguf on wiki.txt"
  std::string units = "chunks";  // what a record is of
  std::string writer{};          // tells the processes that write one apart
  std::size_t n_units = 0;       // when read
};

// The file appears when it is complete. Error (kFailed) when it cannot be written.
void write_eval_checkpoint(const UnitRecords& records, const CheckpointLabel& label,
                           const OutputTarget& target);
// Error (kBadInput) for files that are no checkpoint; (kUsage) naming what differs from `identity`.
UnitRecords read_eval_checkpoint(const std::string& path, const RunIdentity& identity);
// The same from memory; `path` names it in messages.
UnitRecords parse_eval_checkpoint(std::span<const std::uint8_t> bytes, const RunIdentity& identity,
                                  const std::string& path);
// What it is of. Error (kBadInput) for files that are no checkpoint.
CheckpointLabel read_checkpoint_label(const std::string& path);
bool is_eval_checkpoint(const std::string& path);

// In words, what of two runs differs: "its model was 'a', now it is 'b'"; empty where nothing does.
// What one of them does not name counts as ''.
std::vector<std::string> identity_differences(const RunIdentity& was, const RunIdentity& now);

// Error (kBadInput) where the record of a unit has not the size that it should.
void check_record_sizes(const UnitRecords& records,
                        const std::function<std::size_t(std::size_t)>& size_of);

}  // namespace lathe
