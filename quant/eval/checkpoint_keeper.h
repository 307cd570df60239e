// --resume for evaluations: what was measured is kept in a file until the result is out.
//
// One rule keeps everybody's work: a file is replaced only by one of the same run that holds at
// least as much, and removed only by who wrote it or went on from it, when all that it holds is in
// a result. So a shorter run leaves the file of a longer one alone, a run from the start that of an
// earlier one until it has come as far, and other runs' files are never touched.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "quant/eval/eval_checkpoint.h"
#include "runtime/base/notes.h"
#include "runtime/base/output_gate.h"

namespace lathe {

struct ResumeOptions {
  bool resume = false;
  std::string checkpoint{};    // empty: in checkpoint_folder(), named after the run
  OutputGate* gate = nullptr;  // of the run: knows what it reads

  // Refuses a checkpoint that could not be written, before anything is opened.
  void admit_with(OutputGate& run) {
    gate = &run;
    if (!checkpoint.empty()) run.check(checkpoint, {.what = "the checkpoint"});
  }
};

class CheckpointKeeper {
 public:
  // Error (kUsage) where the file that was asked for cannot be written, is read by the run, or
  // holds something else or another run (naming what differs): it would be lost.
  CheckpointKeeper(const ResumeOptions& options, CheckpointLabel label, Notes notes);

  // What an earlier run measured, of the first `n_units`; empty without resume, which is said where
  // there is something. Error (kUsage) when there is nothing to resume, naming what differs from
  // the nearest that there is.
  UnitRecords load(std::size_t n_units = SIZE_MAX);
  // Whether an earlier run of the same left something.
  bool exists() const { return found_; }
  const std::string& path() const noexcept { return path_; }

  // Saves when the last time is long enough ago. A file that cannot be written is no reason to end
  // a measurement: that is said once, and nothing is kept from then on.
  void offer(const UnitRecords& records);
  void save(const UnitRecords& records);
  // All is measured, the result is not out yet: saves what took long to measure.
  void complete(const UnitRecords& records);
  // Saves what there is, and says how to go on.
  void interrupted(const UnitRecords& records);
  // The result is out.
  void remove();

 private:
  using Clock = std::chrono::steady_clock;

  OutputTarget admitted() const;
  void look();
  [[noreturn]] void refuse_to_resume() const;

  void write_unless_more(const UnitRecords& records);

  ResumeOptions options_;
  CheckpointLabel label_;
  Notes notes_;
  std::string path_;
  std::optional<OutputTarget> target_{};  // of path_, once it is needed
  CheckpointLabel found_label_;           // of the file that an earlier run left
  bool found_ = false;
  std::set<std::string>
      writers_;              // whose files are this run's: its own, and the one it went on from
  std::size_t n_units_ = 0;  // that this run has
  Clock::time_point last_ = Clock::now();
  bool other_has_more_ = false;  // what is there stays
  bool cannot_ = false;          // write
};

}  // namespace lathe
