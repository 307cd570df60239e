// The figures of a test from its tasks, as a whole and by group.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "quant/eval/tasks/measure_tasks.h"

namespace lathe {

// Shares from 0 to 1 with their standard errors.
struct TaskScores {
  std::size_t n = 0;
  Estimate score;               // the peer's
  Estimate acc, acc_norm;       // lm-evaluation-harness'; acc is TruthfulQA's mc1
  std::optional<Estimate> mc2;  // where every task has answers for it
};

struct TaskSummary {
  TaskScores all;
  Interval interval;  // of all.score, 95 %
  Estimate chance;    // guessing: tasks over answers, as the peer has it
  // ARC: Easy and Challenge; MMLU: subjects; in order of name. Empty where there is one group.
  std::vector<std::pair<std::string, TaskScores>> groups;
};

// Of the first verdicts.size() tasks.
TaskSummary summarize_tasks(const PreparedTasks& tasks, std::span<const TaskVerdict> verdicts);

// What model m of the records says of each task.
std::vector<TaskVerdict> judge_tasks(const PreparedTasks& tasks, const UnitRecords& records,
                                     std::size_t m);

// A score after each task, task by task.
class RunningScore {
 public:
  void add(bool correct) noexcept {
    ++n_;
    n_correct_ += correct;
  }
  std::size_t n() const noexcept { return n_; }
  double score() const noexcept {
    return n_ == 0 ? 0.0 : static_cast<double>(n_correct_) / static_cast<double>(n_);
  }

 private:
  std::size_t n_ = 0, n_correct_ = 0;
};

}  // namespace lathe
