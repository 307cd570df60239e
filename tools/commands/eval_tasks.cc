// lathe eval hellaswag, winogrande, arc, mmlu, truthfulqa, multiple-choice: questions with answers
// to choose from.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "quant/eval/tasks/task_report.h"
#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/eval_commands.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/eval_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/jobs/tasks_job.h"
#include "tools/report/eval_document.h"
#include "tools/report/tasks_report.h"

namespace lathe {
namespace {

struct TasksCommand {
  TasksOptions job;
  OutputForm form;
  const CLI::App* app = nullptr;
};

void check(const TasksCommand& command) {
  const TasksOptions& job = command.job;
  check_order(job.eval.order);
  if (job.selection.compat && !compat_matters(job.kind)) {
    throw usage_error(
        fmt::format("--compat changes nothing of {}: its score is llama.cpp's in any "
                    "case (docs/tasks.md)",
                    task_title(job.kind)));
  }
  const bool draws = job.selection.n_tasks > 0 || job.kind == TaskKind::kHellaSwag;
  if (!draws && command.app->count("--seed") > 0) {
    throw usage_error("--seed is of the random draw of --tasks: all tasks are scored");
  }
}

// What the run reads and writes, before anything is opened.
void admit_files(TasksCommand& command, OutputGate& gate) {
  reads_model(gate, command.job.eval.engine.model);
  reads_files(gate, command.job.files, "the tasks");
  command.job.eval.resume.admit_with(gate);
}

// A line on stdout as each task is done, and how far it is.
class TasksScreen {
 public:
  TasksScreen(TaskKind kind, const OutputForm& form)
      : kind_(kind), form_(form), progress_(std::string(task_name(kind))) {
    report_notes(callbacks_);
    callbacks_.on_begin = [this](const EvalInputs& inputs) {
      n_tasks_ = inputs.tests.front().n_tasks;
      if (form_.text()) put_text(eval_header(inputs) + task_header(kind_));
    };
    callbacks_.on_task = [this](const TaskDone& done) {
      running_ = done.running;
      if (!form_.text()) return;
      put_text(task_line(done.tasks, done.task, done.verdict, done.record, done.running));
    };
    callbacks_.on_progress = [this](double fraction, std::string_view step) {
      show(fraction, step);
      return !InterruptGuard::requested();
    };
  }
  const TasksCallbacks& callbacks() const noexcept { return callbacks_; }

  void finish() {
    progress_.clear();
    flush_output();
  }

 private:
  void show(double fraction, std::string_view step) {
    flush_output();
    progress_.update(fraction,
                     fmt::format("{} of {} tasks, {:.2f} %{}{}", running_.n(), n_tasks_,
                                 100.0 * running_.score(), step.empty() ? "" : ", ", step));
  }

  TaskKind kind_;
  OutputForm form_;
  TasksCallbacks callbacks_;
  Progress progress_;
  RunningScore running_;
  std::size_t n_tasks_ = 0;
};

void print(const TasksResult& result, const OutputForm& form) {
  put_text(form.text() ? tasks_text(result) : render(tasks_document(result), form));
  flush_output();
  if (form.text()) {
    say(fmt::format("{} tasks in {:.2f} s", result.answers.size(), result.seconds));
  }
}

int run(TasksCommand& command) {
  check(command);
  OutputGate gate;
  admit_files(command, gate);
  std::optional<TasksResult> result;
  return run_interruptible(
      [&] {
        TasksScreen screen(command.job.kind, command.form);
        result.emplace(run_tasks(command.job, screen.callbacks()));
        screen.finish();
        print(*result, command.form);
        result->work.result_is_out();
      },
      [&] {
        if (result) result->work.keep();
      });
}

std::string files_help(TaskKind kind) {
  switch (kind) {
    case TaskKind::kHellaSwag:
      return "Tasks: llama.cpp's text (six lines a task) or the public JSON lines";
    case TaskKind::kWinoGrande:
      return "Tasks: llama.cpp's CSV, or the public JSON lines";
    case TaskKind::kArc:
      return "Tasks: ARC's JSON lines of any release, or llama.cpp's binary file";
    case TaskKind::kMmlu:
      return "Tasks: JSON lines or CSV by subject, or llama.cpp's binary file";
    case TaskKind::kTruthfulQa:
      return "Tasks: mc_task.json, TruthfulQA.csv, or llama.cpp's binary file";
    default:
      return "Tasks: llama.cpp's binary file, or any form that arc, mmlu and truthfulqa read";
  }
}

void add_task_options(CLI::App& app, TasksOptions& job) {
  app.add_option("-f,--file,--bf,--binary-file", job.files,
                 files_help(job.kind) + "; several, or a folder")
      ->required()
      ->type_name("FILE");
  app.add_option("--tasks,--hellaswag-tasks,--winogrande-tasks,--multiple-choice-tasks",
                 job.selection.n_tasks,
                 "Score N tasks drawn at random, the same as llama.cpp draws (0: all)")
      ->check(zero_or_more)
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--seed", job.selection.seed, "Of the random draw")
      ->check(whole_number(0, std::numeric_limits<std::uint32_t>::max()))
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("--compat", job.selection.compat,
               "WinoGrande: as llama.cpp scores, defects included (see docs/tasks.md)");
  add_skip_layers(app, job.eval);
}

void add_task_measure(CLI::App& eval, TaskKind kind, ToolContext& context) {
  auto command = std::make_shared<TasksCommand>();
  command->job.kind = kind;
  command->job.selection.n_tasks = default_n_tasks(kind);
  CLI::App* app =
      eval.add_subcommand(std::string(task_name(kind)),
                          fmt::format("{}: tasks with answers to choose from", task_title(kind)));
  add_engine_options(*app, command->job.eval.engine);
  add_task_options(*app, command->job);
  add_eval_options(*app, command->job.eval, command->form);
  command->app = app;
  app->callback([command, &context] {
    command->job.eval.isa = context.isa;
    context.exit_code = run(*command);
  });
}

}  // namespace

void add_eval_tasks(CLI::App& eval, ToolContext& context) {
  for (const TaskKind kind : {TaskKind::kHellaSwag, TaskKind::kWinoGrande, TaskKind::kArc,
                              TaskKind::kMmlu, TaskKind::kTruthfulQa, TaskKind::kMultipleChoice}) {
    add_task_measure(eval, kind, context);
  }
}

}  // namespace lathe
