// A multiple-choice test: questions with answers to choose from.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "quant/eval/tasks/select.h"
#include "quant/eval/tasks/task_summary.h"
#include "tools/jobs/eval_job.h"

namespace lathe {

struct TasksOptions {
  EvalOptions eval;
  TaskKind kind = TaskKind::kMultipleChoice;
  std::vector<std::string> files;
  TaskSelection selection;
};

// A task that is done, and the score up to it.
struct TaskDone {
  const PreparedTasks& tasks;
  std::size_t task;
  const TaskVerdict& verdict;
  std::span<const double> record;
  const RunningScore& running;
};

struct TasksCallbacks : EvalCallbacks {
  std::function<void(const TaskDone&)> on_task{};
};

struct TaskAnswer {
  std::size_t index = 0;  // in the files
  TaskVerdict verdict;
  std::vector<double> scores, sums;  // of each choice: mean and sum of ln p
};

struct TasksResult {
  EvalInputs inputs;
  TaskSummary summary;
  std::vector<TaskAnswer> answers;  // in the order in which they were scored
  double seconds = 0.0;
  MeasuredWork work;
};

// Errors as run_ppl()'s; (kBadInput) for files of tasks that cannot be read.
TasksResult run_tasks(const TasksOptions& options, const TasksCallbacks& callbacks);

// Whether --compat changes anything of a test: llama.cpp's defects are WinoGrande's.
bool compat_matters(TaskKind kind) noexcept;

}  // namespace lathe
