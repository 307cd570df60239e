// A whole release from one file: `lathe release`.
//
//   Release release(recipe, options, callbacks);     // reads, hashes, plans; writes nothing
//   release.run();                                   // what is not there yet
//   render(release.results());                       // tools/report/release
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/notes.h"
#include "runtime/base/output_gate.h"
#include "tools/jobs/job_progress.h"
#include "tools/jobs/release/folder_lock.h"
#include "tools/jobs/release/recipe.h"
#include "tools/jobs/release/results.h"
#include "tools/jobs/release/state.h"
#include "tools/jobs/release/steps.h"

namespace lathe {

struct ReleaseOptions {
  std::string isa;
  int n_threads = 0;
};

struct ReleaseCallbacks {
  Notes notes{};
  std::function<void(std::size_t step, std::size_t n_steps, const std::string& title)> on_step{};
  std::function<void(const std::string& title)> on_step_done{};
  JobProgress on_progress{};  // of opening, then of each step; false stops
};

// A step as a person sees it.
struct StepStatus {
  std::string title, note;  // "Q4_K_M: quantize", "3.68 MB"
  bool done = false;
};

class Release {
 public:
  // All must outlive the release. Error (kBadInput) for files that are not what they should be.
  Release(const ReleaseRecipe& recipe, const ReleaseOptions& options,
          const ReleaseCallbacks& callbacks);

  std::vector<StepStatus> status() const;

  // Does what is not done, in order; each step is on the disk when it ends. Makes the folder.
  // Errors as of the steps; (kFailed) when stopped: a later run goes on.
  void run();

  // Of a release that is done. Error (kFailed) where a step is missing.
  ReleaseResults results() const;

  // The files of the results, admitted once run() began.
  OutputGate& gate() noexcept { return gate_; }
  const std::string& folder() const noexcept { return recipe_.output; }

 private:
  std::string state_path() const;
  std::string note_of(const ReleaseStep& step) const;
  void open_folder();

  const ReleaseRecipe& recipe_;
  const ReleaseCallbacks& callbacks_;
  OutputGate gate_;
  ReleaseEngine engine_;
  ReleaseInputs inputs_;
  ReleaseSteps steps_;
  std::unique_ptr<FolderLock> lock_;  // from run() on
  std::unique_ptr<ReleaseState> state_;
};

// What the state of a finished release says, put together (assemble.cc).
ReleaseResults assemble_results(const ReleaseRecipe& recipe, const ReleaseInputs& inputs,
                                const ReleaseSteps& steps, const ReleaseEngine& engine,
                                const ReleaseState& state);

}  // namespace lathe
