// lathe eval hellaswag, winogrande, arc, mmlu, truthfulqa, multiple-choice: questions with answers
// to choose from.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "quant/eval/tasks/read_tasks.h"
#include "quant/eval/tasks/select.h"
#include "quant/eval/tasks/task_report.h"
#include "runtime/identity/build_info.h"
#include "runtime/text/tokenizer.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/progress.h"
#include "tools/commands/eval_commands.h"
#include "tools/commands/options/eval_text_options.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/report/task_json.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

struct TaskOptions {
  TaskKind kind = TaskKind::kMultipleChoice;
  EngineOptions engine;
  OrderOptions order;
  ResumeOptions resume;
  OutputForm form;
  std::string skip_layers;
  std::vector<std::string> files;
  TaskSelection selection;
};

// The live part: a line on stdout as each task is done, the time left on stderr.
class TaskLines {
 public:
  TaskLines(const PreparedTasks& tasks, bool lines)
      : tasks_(tasks), lines_(lines), progress_(std::string(task_name(tasks.kind))) {}

  void begin() const {
    if (lines_) fmt::print("{}", task_header(tasks_.kind));
  }

  void show(const UnitRecords& records, double fraction, std::string_view step) {
    if (lines_ && running_.n() < records.size()) progress_.clear();
    for (std::size_t t = running_.n(); t < records.size(); ++t) {
      const auto record = record_of_model(tasks_, t, records, 0);
      const TaskVerdict verdict = judge(tasks_.kind, tasks_.tasks[t], record);
      running_.add(verdict.correct);
      if (lines_) fmt::print("{}", task_line(tasks_, t, verdict, record, running_));
    }
    std::fflush(stdout);
    progress_.update(fraction,
                     fmt::format("{} of {} tasks, {:.2f} %{}{}", running_.n(), tasks_.tasks.size(),
                                 100.0 * running_.score(), step.empty() ? "" : ", ", step));
  }
  void finish() {
    progress_.clear();
    std::fflush(stdout);
  }

 private:
  const PreparedTasks& tasks_;
  bool lines_;
  Progress progress_;
  RunningScore running_;
};

class TaskRun {
 public:
  TaskRun(const TaskOptions& options, const ToolContext& context)
      : options_(options),
        set_(read_tasks(options.kind, options.files)),
        open_(options.engine, context.isa),
        tokenizer_(Tokenizer::from_metadata(open_.file.metadata(), open_.file.path())),
        selected_(select_tasks(options.kind, set_.tasks.size(), options.selection)),
        tasks_(prepare_tasks(options.kind, set_.tasks, selected_, tokenizer_,
                             options.selection.compat)),
        checkpoint_(options.resume, identity(), "tasks"),
        records_(checkpoint_.load()),
        n_ctx_(task_cells(tasks_, options.engine.n_ctx)),
        lines_(tasks_, options.form.text()) {}

  void run() {
    const auto runner = open_runner(
        {{*open_.model, open_.file.files(), skipped_layers(options_.skip_layers, *open_.model)}},
        options_.engine, options_.order, open_.kernels, open_.pool, n_ctx_, notes_on_screen());
    if (options_.selection.n_tasks > set_.tasks.size()) {
      fmt::print(stderr, "{} tasks are asked for, the files have {}\n", options_.selection.n_tasks,
                 set_.tasks.size());
    }
    if (options_.form.text()) print_header(std::string(task_name(options_.kind)), header_lines());
    lines_.begin();
    const auto start = std::chrono::steady_clock::now();
    measure_tasks({*runner, open_.kernels, open_.pool}, tasks_, records_,
                  [&](const UnitRecords& so_far, double fraction, std::string_view step) {
                    lines_.show(so_far, fraction, step);
                    checkpoint_.offer(so_far);
                    return !InterruptGuard::requested();
                  });
    lines_.show(records_, 1.0, "");
    lines_.finish();
    const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start);
    print(seconds.count());
    checkpoint_.finish();
  }

  void interrupted() {
    lines_.finish();
    checkpoint_.interrupted(records_);
  }

 private:
  RunIdentity identity() const {
    RunIdentity of = {{"measure", std::string(task_name(options_.kind))}};
    put_model(of, "model", open_.file);
    of.emplace_back("tasks", task_set_sha256(set_));
    of.emplace_back("number of tasks", std::to_string(tasks_.tasks.size()));
    of.emplace_back("--seed", std::to_string(options_.selection.seed));
    of.emplace_back("--compat", options_.selection.compat ? "yes" : "no");
    of.emplace_back("--skip-layers", options_.skip_layers);
    put_engine(of, options_.engine, open_.kernels);
    return of;
  }

  std::vector<std::string> header_lines() const {
    std::vector<std::string> names;
    for (const TaskFile& file : set_.files) names.push_back(file.name);
    const TaskSelection& selection = options_.selection;
    std::string what = fmt::format(", {} of {} tasks, seed {}, {} tokens of context",
                                   tasks_.tasks.size(), set_.tasks.size(), selection.seed, n_ctx_);
    if (selection.compat) what += ", --compat";
    if (!options_.skip_layers.empty()) what += ", without layers " + options_.skip_layers;
    return {"model: " + model_words(open_.file),
            "tasks: " + files_words(names, task_set_sha256(set_)) + what};
  }

  void print(double seconds) const {
    const std::vector<TaskVerdict> verdicts = judge_tasks(tasks_, records_, 0);
    const TaskSummary summary = summarize_tasks(tasks_, verdicts);
    if (!options_.form.text()) {
      print_result(result_json(summary, verdicts, seconds), options_.form);
      return;
    }
    fmt::print("{}", task_report(options_.kind, summary));
    if (!summary.groups.empty()) fmt::print("\n{}", group_table(summary));
    std::fflush(stdout);
    fmt::print(stderr, "{} tasks in {:.2f} s\n", tasks_.tasks.size(), seconds);
  }

  static std::string group_table(const TaskSummary& summary) {
    TextTable table({"group", "tasks", "score", "+/-", "acc", "acc_norm"});
    for (const auto& [name, s] : summary.groups) {
      table.add_row({name, std::to_string(s.n), fmt::format("{:.2f}", 100.0 * s.score.value),
                     fmt::format("{:.2f}", 100.0 * s.score.error),
                     fmt::format("{:.2f}", 100.0 * s.acc.value),
                     fmt::format("{:.2f}", 100.0 * s.acc_norm.value)});
    }
    return table.aligned();
  }

  Json result_json(const TaskSummary& summary, const std::vector<TaskVerdict>& verdicts,
                   double seconds) const {
    Json out = {{"lathe", build_version()},
                {"model", model_json(open_.file)},
                {"tasks", task_set_json(set_)},
                {"skip_layers", options_.skip_layers},
                {"n_ctx", n_ctx_},
                {"seed", options_.selection.seed},
                {"compat", options_.selection.compat},
                {"seconds", seconds}};
    put_summary(out, options_.kind, summary);
    Json& answers = out["answers"] = Json::array();
    for (std::size_t t = 0; t < verdicts.size(); ++t) {
      answers.push_back(answer_json(tasks_, t, verdicts[t], records_));
      answers.back()["index"] = selected_[t];
    }
    return out;
  }

  const TaskOptions& options_;
  TaskSet set_;
  OpenModel open_;
  Tokenizer tokenizer_;
  std::vector<std::size_t> selected_;
  PreparedTasks tasks_;
  EvalCheckpoint checkpoint_;
  UnitRecords records_;
  std::size_t n_ctx_;
  TaskLines lines_;
};

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

void add_task_measure(CLI::App& eval, TaskKind kind, ToolContext& context) {
  auto options = std::make_shared<TaskOptions>();
  options->kind = kind;
  options->selection.n_tasks = default_n_tasks(kind);
  CLI::App* command =
      eval.add_subcommand(std::string(task_name(kind)),
                          fmt::format("{}: tasks with answers to choose from", task_title(kind)));
  add_engine_options(*command, options->engine);
  command
      ->add_option("-f,--file,--bf,--binary-file", options->files,
                   files_help(kind) + "; several, or a folder")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("--tasks,--hellaswag-tasks,--winogrande-tasks,--multiple-choice-tasks",
                   options->selection.n_tasks,
                   "Score N tasks drawn at random, the same as llama.cpp draws (0: all)")
      ->capture_default_str()
      ->type_name("N");
  command->add_option("--seed", options->selection.seed, "Of the random draw")
      ->capture_default_str()
      ->type_name("N");
  command->add_flag("--compat", options->selection.compat,
                    "As llama.cpp scores, defects included (see docs/tasks.md)");
  command
      ->add_option("--skip-layers", options->skip_layers,
                   "Score the model without these layers (4,5,7-9), as if they were pruned")
      ->type_name("LIST");
  add_order_options(*command, options->order);
  add_resume_options(*command, options->resume);
  add_output_options(*command, options->form);
  command->callback([options, &context] {
    OutputGate gate;
    reads_model(gate, options->engine.model);
    reads_files(gate, options->files, "the tasks");
    options->resume.admit_with(gate);
    TaskRun run(*options, context);
    context.exit_code = run_interruptible([&] { run.run(); }, [&] { run.interrupted(); });
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
