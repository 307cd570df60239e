#include "tools/jobs/release/release.h"

#include <fmt/format.h>

#include <filesystem>

#include "runtime/base/error.h"
#include "runtime/identity/build_info.h"
#include "runtime/machine/topology.h"
#include "tools/jobs/engine.h"
#include "tools/jobs/release/run_step.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

ReleaseEngine engine_of(const ReleaseOptions& options) {
  return {.isa = options.isa,
          .tier = std::string(kernels_of(options.isa).tier),
          .cpu = read_topology().cpu_model,
          .n_threads = options.n_threads,
          .build = build_words()};
}

void make_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw failed(path + ": cannot be made: " + error.message());
}

}  // namespace

Release::Release(const ReleaseRecipe& recipe, const ReleaseOptions& options,
                 const ReleaseCallbacks& callbacks)
    : recipe_(recipe),
      callbacks_(callbacks),
      engine_(engine_of(options)),
      inputs_(open_release_inputs(recipe, callbacks.on_progress)),
      steps_(plan_release(recipe, inputs_, engine_)),
      state_(std::make_unique<ReleaseState>(state_path())) {
  release_reads(gate_, recipe);
}

std::string Release::state_path() const {
  return (fs::path(steps_.work_folder) / "state.json").string();
}

std::vector<StepStatus> Release::status() const {
  std::vector<StepStatus> out;
  for (const ReleaseStep& step : steps_.steps) {
    out.push_back({step.title, note_of(step), is_done(steps_, step, *state_)});
  }
  return out;
}

std::string Release::note_of(const ReleaseStep& step) const {
  const ModelToMake& model = steps_.models[step.entries.front().model];
  if (step.kind == StepKind::kQuantize) {
    return fmt::format("{:.2f} MB", static_cast<double>(model.tensor_bytes) / 1e6);
  }
  const std::size_t n = n_missing(step, *state_);
  if (step.entries.size() < 2 || n == 0) return {};
  return fmt::format("{} of {} models", n, step.entries.size());
}

void Release::open_folder() {
  make_folder(recipe_.output);
  make_folder(steps_.work_folder);
  lock_ = std::make_unique<FolderLock>(steps_.work_folder);
  state_ = std::make_unique<ReleaseState>(
      gate_.admit(state_path(), {.what = "the state of the release", .kind = OutputKind::kText}));
}

void Release::run() {
  open_folder();
  const JobProgress progress = [this](double fraction, std::string_view what) {
    return !callbacks_.on_progress || callbacks_.on_progress(fraction, what);
  };
  const StepContext context{recipe_, inputs_, steps_,           engine_,
                            *state_, gate_,   callbacks_.notes, progress};
  for (std::size_t i = 0; i < steps_.steps.size(); ++i) {
    const ReleaseStep& step = steps_.steps[i];
    if (is_done(steps_, step, *state_)) continue;
    if (callbacks_.on_step) callbacks_.on_step(i + 1, steps_.steps.size(), step.title);
    run_step(context, step);
    if (callbacks_.on_step_done) callbacks_.on_step_done(step.title);
  }
}

ReleaseResults Release::results() const {
  return assemble_results(recipe_, inputs_, steps_, engine_, *state_);
}

}  // namespace lathe
