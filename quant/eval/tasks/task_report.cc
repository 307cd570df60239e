#include "quant/eval/tasks/task_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace lathe {
namespace {

constexpr double kPercent = 100.0;

std::string percent(const Estimate& e) {
  return fmt::format("{:.4f} +/- {:.4f}", kPercent * e.value, kPercent * e.error);
}

std::size_t correct_choice(const Task& task) noexcept {
  const auto it = std::find_if(task.choices.begin(), task.choices.end(),
                               [](const TaskChoice& c) { return c.correct; });
  return static_cast<std::size_t>(it - task.choices.begin());
}

std::string winogrande_line(const Task& task, const TaskVerdict& verdict,
                            std::span<const double> record, const RunningScore& running) {
  return fmt::format("{}\t{:.4f}\t{:10.6f}  {:10.6f}  {}  {}\n", running.n(),
                     kPercent * running.score(), record[0], record[2], verdict.chosen + 1,
                     correct_choice(task) + 1);
}

std::string hellaswag_line(const RunningScore& running) {
  const Interval i = wilson_interval(running.score(), running.n());
  return fmt::format("{}\t{:.8f}%\t[{:.4f}%, {:.4f}%]\n", running.n(), kPercent * running.score(),
                     kPercent * i.low, kPercent * i.high);
}

// Under the names that lm-evaluation-harness gives them for this test.
std::string harness_lines(TaskKind kind, const TaskScores& s) {
  std::string out = "lm-evaluation-harness' figures over the same texts:\n";
  if (kind == TaskKind::kWinoGrande) return out + fmt::format("  acc: {}\n", percent(s.acc));
  if (kind != TaskKind::kTruthfulQa) {
    out += fmt::format("  acc: {}\n  acc_norm: {}\n", percent(s.acc), percent(s.acc_norm));
    if (s.mc2) out += fmt::format("  mc2: {}\n", percent(*s.mc2));
    return out;
  }
  out += fmt::format("  mc1: {}\n", percent(s.acc));
  if (s.mc2) out += fmt::format("  mc2: {}\n", percent(*s.mc2));
  return out;
}

}  // namespace

std::string task_header(TaskKind kind) {
  switch (kind) {
    case TaskKind::kHellaSwag:
      return "task\tscore\t95% confidence interval\n";
    case TaskKind::kWinoGrande:
      return "task\tscore\tchoice 1    choice 2    chosen  correct\n";
    default:
      return "task\tscore\n";
  }
}

std::string task_line(const PreparedTasks& tasks, std::size_t task, const TaskVerdict& verdict,
                      std::span<const double> record, const RunningScore& running) {
  switch (tasks.kind) {
    case TaskKind::kHellaSwag:
      return hellaswag_line(running);
    case TaskKind::kWinoGrande:
      return winogrande_line(tasks.tasks[task], verdict, record, running);
    default:
      return fmt::format("{}\t{:.8f}\n", running.n(), kPercent * running.score());
  }
}

std::string task_report(TaskKind kind, const TaskSummary& summary) {
  return fmt::format(
      "\nFinal {} score({} tasks): {}\n95 % interval (Wilson): {:.4f} to {:.4f}\n"
      "Random chance: {}\n{}",
      task_title(kind), summary.all.n, percent(summary.all.score), kPercent * summary.interval.low,
      kPercent * summary.interval.high, percent(summary.chance), harness_lines(kind, summary.all));
}

}  // namespace lathe
