// --resume for evaluations: what was measured is kept in a file until the result is out.
#pragma once

#include <chrono>
#include <string>

#include "quant/eval/eval_checkpoint.h"

namespace CLI {
class App;
}

namespace lathe {

struct ResumeOptions {
  bool resume = false;
  std::string checkpoint{};  // empty: in the user's folder for state, named after the run
};

// --resume, --checkpoint.
void add_resume_options(CLI::App& command, ResumeOptions& options);

class EvalCheckpoint {
 public:
  // `units`: what is kept, in messages.
  EvalCheckpoint(const ResumeOptions& options, RunIdentity identity, std::string units = "chunks");

  // What an earlier run measured; empty without --resume. Error (kUsage) when there is nothing to
  // resume, or it is of another run.
  UnitRecords load() const;
  // Whether an earlier run of the same left something.
  bool exists() const;
  // Saves when the last time is long enough ago.
  void offer(const UnitRecords& records);
  void save(const UnitRecords& records);
  // Saves what there is, and says on stderr how to go on.
  void interrupted(const UnitRecords& records);
  // The result is out: the file is not needed any more.
  void finish();

 private:
  using Clock = std::chrono::steady_clock;

  ResumeOptions options_;
  std::string units_;
  RunIdentity identity_;
  std::string path_;
  Clock::time_point last_ = Clock::now();
};

}  // namespace lathe
