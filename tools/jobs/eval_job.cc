#include "tools/jobs/eval_job.h"

#include <fmt/format.h>

#include <utility>

#include "quant/plan/layer_list.h"

namespace lathe {
namespace {

ReadProgress reading(const std::string& path, const EvalCallbacks& callbacks) {
  return [&callbacks, path](double fraction) {
    return callbacks.go_on(0.0, fmt::format("reading {}, {:.0f} %", path, 100.0 * fraction));
  };
}

}  // namespace

MeasuredWork::MeasuredWork(const ResumeOptions& options, const EvalInputs& inputs,
                           std::string units, const Notes& notes)
    : keeper_(std::make_unique<CheckpointKeeper>(options,
                                                 CheckpointLabel{.identity = eval_identity(inputs),
                                                                 .about = eval_words(inputs),
                                                                 .units = std::move(units)},
                                                 notes)) {}

void MeasuredWork::run(const std::function<void()>& measure, const std::function<void()>& on_stop) {
  stopped_ = false;
  try {
    measure();
  } catch (...) {
    if (stopped_) on_stop ? on_stop() : keep();
    throw;
  }
}

bool MeasuredWork::go_on(const std::function<bool()>& callback) {
  stopped_ = true;  // also when the callback throws
  stopped_ = !callback();
  return !stopped_;
}

std::vector<int> skipped_layers(const std::string& list, const Model& model) {
  if (list.empty()) return {};
  return parse_layer_list(list, static_cast<int>(model.traits().n_layer), "--skip-layers");
}

ModelInput describe_model(const TensorSource& file, ThreadPool& pool,
                          const EvalCallbacks& callbacks) {
  return describe_model(file, pool, reading(file.path(), callbacks));
}

BaseFileInput describe_base(const DivergenceBase& base, const EvalCallbacks& callbacks) {
  return describe_base(base, reading(base.path(), callbacks));
}

}  // namespace lathe
