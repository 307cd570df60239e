// --resume for evaluations: what was measured is kept in a file until the result is out.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "quant/eval/eval_checkpoint.h"
#include "runtime/base/output_gate.h"
#include "tools/jobs/engine.h"

namespace lathe {

struct ResumeOptions {
  bool resume = false;
  std::string checkpoint{};    // empty: in the user's folder for state, named after the run
  OutputGate* gate = nullptr;  // of the run: knows what it reads

  // Refuses a checkpoint that could not be written, before anything is opened.
  void admit_with(OutputGate& run) {
    gate = &run;
    if (!checkpoint.empty()) run.check(checkpoint, {.what = "the checkpoint"});
  }
};

// What a model is, and what runs it: name "model", or another where there are several.
void put_model(RunIdentity& identity, const std::string& name, const GgufFile& file);
void put_engine(RunIdentity& identity, const EngineOptions& engine, const KernelTable& kernels);

class EvalCheckpoint {
 public:
  // `units`: what is kept, in messages. Error (kUsage) when the file that was asked for cannot be
  // written, is read by the run, or exists and is something else: it would be lost.
  EvalCheckpoint(const ResumeOptions& options, RunIdentity identity, std::string units = "chunks");

  // What an earlier run measured, of the first `n_units`; empty without --resume. Error (kUsage)
  // when there is nothing to resume, or it is of another run.
  UnitRecords load(std::size_t n_units = SIZE_MAX);
  // Whether an earlier run of the same left something.
  bool exists() const;
  // Saves when the last time is long enough ago. A file that cannot be written is no reason to end
  // a measurement: that is said once on stderr, and nothing is kept from then on.
  void offer(const UnitRecords& records);
  void save(const UnitRecords& records);
  // Saves what there is, and says on stderr how to go on.
  void interrupted(const UnitRecords& records);
  // The result is out: the file is not needed any more, unless it holds more than was asked for.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  OutputTarget admitted();

  ResumeOptions options_;
  std::string units_;
  RunIdentity identity_;
  std::string path_;
  std::optional<OutputTarget> target_{};  // of path_, once it is needed
  Clock::time_point last_ = Clock::now();
  bool ours_ = false;      // the file is of this run
  bool has_more_ = false;  // units beyond those of this run: what is there is not touched
  bool cannot_ = false;    // write
};

}  // namespace lathe
