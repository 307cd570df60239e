#include "tools/jobs/tasks_job.h"

#include <fmt/format.h>

#include <chrono>
#include <utility>

#include "quant/eval/tasks/read_tasks.h"
#include "runtime/text/tokenizer.h"

namespace lathe {
namespace {

class TasksJob {
 public:
  TasksJob(const TasksOptions& options, const TasksCallbacks& callbacks)
      : options_(options),
        callbacks_(callbacks),
        set_(read_tasks(options.kind, options.files)),
        open_(options.eval.engine, options.eval.isa),
        skipped_(skipped_layers(options.eval.skip_layers, *open_.model)),
        tokenizer_(Tokenizer::from_metadata(open_.file.metadata(), open_.file.path())),
        selected_(select_tasks(options.kind, set_.tasks.size(), options.selection)),
        tasks_(prepare_tasks(options.kind, set_.tasks, selected_, tokenizer_,
                             options.selection.compat)),
        n_ctx_(task_cells(tasks_, options.eval.engine.n_ctx)),
        inputs_(inputs()),
        work_(options.eval.resume, inputs_, "tasks", callbacks.notes) {}

  TasksResult run() {
    warn();
    work_.records() = work_.keeper().load();
    if (callbacks_.on_begin) callbacks_.on_begin(inputs_);
    const auto start = std::chrono::steady_clock::now();
    measure();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    return result(took.count());
  }

 private:
  EvalInputs inputs() {
    EvalInputs of{.measure = fmt::format("eval {}", task_name(options_.kind)),
                  .models = {describe_model(open_.file, open_.pool, callbacks_)},
                  .tests = {describe_test(set_, tasks_.tasks.size(), n_ctx_)},
                  .seed = options_.selection.seed,
                  .compat = options_.selection.compat,
                  .skip_layers = options_.eval.skip_layers};
    put_engine(of, options_.eval.engine, open_.kernels);
    return of;
  }

  void warn() const {
    for (const std::string& warning : tokenizer_.warnings()) callbacks_.notes.warn(warning);
    if (options_.selection.n_tasks > set_.tasks.size()) {
      callbacks_.notes.say(fmt::format("{} tasks are asked for, the files have {}",
                                       options_.selection.n_tasks, set_.tasks.size()));
    }
  }

  void measure() {
    const auto runner =
        open_runner({{*open_.model, open_.file.files(), skipped_}}, options_.eval.engine,
                    options_.eval.order, open_.kernels, open_.pool, n_ctx_, callbacks_.notes);
    work_.run([&] {
      measure_tasks({*runner, open_.kernels, open_.pool}, tasks_, work_.records(),
                    [&](const UnitRecords& so_far, double fraction, std::string_view step) {
                      return take(so_far, fraction, step);
                    });
      work_.go_on([&] { return show(work_.records()); });
    });
    work_.keeper().complete(work_.records());
  }

  bool take(const UnitRecords& so_far, double fraction, std::string_view step) {
    work_.keeper().offer(so_far);
    return work_.go_on([&] { return show(so_far) && callbacks_.go_on(fraction, step); });
  }

  bool show(const UnitRecords& records) {
    for (std::size_t t = running_.n(); t < records.size(); ++t) {
      const auto record = record_of_model(tasks_, t, records, 0);
      const TaskVerdict verdict = judge(tasks_.kind, tasks_.tasks[t], record);
      running_.add(verdict.correct);
      if (callbacks_.on_task) callbacks_.on_task({tasks_, t, verdict, record, running_});
    }
    return true;
  }

  TaskAnswer answer(std::size_t task, const TaskVerdict& verdict) const {
    const auto record = record_of_model(tasks_, task, work_.records(), 0);
    TaskAnswer out{.index = selected_[task], .verdict = verdict, .scores = {}, .sums = {}};
    for (std::size_t c = 0; c < tasks_.tasks[task].choices.size(); ++c) {
      out.scores.push_back(record[2 * c]);
      out.sums.push_back(record[2 * c + 1]);
    }
    return out;
  }

  TasksResult result(double seconds) {
    const std::vector<TaskVerdict> verdicts = judge_tasks(tasks_, work_.records(), 0);
    std::vector<TaskAnswer> answers;
    for (std::size_t t = 0; t < verdicts.size(); ++t) answers.push_back(answer(t, verdicts[t]));
    return {std::move(inputs_), summarize_tasks(tasks_, verdicts), std::move(answers), seconds,
            std::move(work_)};
  }

  const TasksOptions& options_;
  const TasksCallbacks& callbacks_;
  TaskSet set_;
  OpenModel open_;
  const std::vector<int> skipped_;
  Tokenizer tokenizer_;
  std::vector<std::size_t> selected_;
  PreparedTasks tasks_;
  std::size_t n_ctx_;
  EvalInputs inputs_;
  MeasuredWork work_;
  RunningScore running_;
};

}  // namespace

TasksResult run_tasks(const TasksOptions& options, const TasksCallbacks& callbacks) {
  return TasksJob(options, callbacks).run();
}

bool compat_matters(TaskKind kind) noexcept { return kind == TaskKind::kWinoGrande; }

}  // namespace lathe
