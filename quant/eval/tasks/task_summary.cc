#include "quant/eval/tasks/task_summary.h"

#include <map>

namespace lathe {
namespace {

// Sums over the tasks of a group.
class Tally {
 public:
  void add(const TaskVerdict& v) noexcept {
    correct_ += v.correct;
    acc_ += v.acc;
    acc_norm_ += v.acc_norm;
    if (v.mc2) mc2_.add(*v.mc2);
    ++n_;
  }

  TaskScores scores() const noexcept {
    TaskScores s{.n = n_,
                 .score = share_estimate(correct_, n_),
                 .acc = share_estimate(acc_, n_),
                 .acc_norm = share_estimate(acc_norm_, n_),
                 .mc2 = std::nullopt};
    if (n_ > 0 && mc2_.n() == n_) s.mc2 = Estimate{mc2_.mean(), mc2_.error()};
    return s;
  }

 private:
  std::size_t n_ = 0;
  double correct_ = 0.0, acc_ = 0.0, acc_norm_ = 0.0;
  Moments mc2_;
};

Estimate chance_of(std::span<const Task> tasks) noexcept {
  std::size_t n_answers = 0;
  for (const Task& task : tasks) n_answers += task.choices.size();
  if (n_answers == 0) return {};
  const double n = static_cast<double>(tasks.size());
  return share_estimate(n * n / static_cast<double>(n_answers), tasks.size());
}

}  // namespace

TaskSummary summarize_tasks(const PreparedTasks& tasks, std::span<const TaskVerdict> verdicts) {
  Tally all;
  std::map<std::string, Tally> groups;
  for (std::size_t t = 0; t < verdicts.size(); ++t) {
    all.add(verdicts[t]);
    groups[tasks.tasks[t].group].add(verdicts[t]);
  }
  TaskSummary summary;
  summary.all = all.scores();
  summary.interval = wilson_interval(summary.all.score.value, summary.all.n);
  summary.chance = chance_of(std::span(tasks.tasks).first(verdicts.size()));
  if (groups.size() > 1) {
    for (const auto& [name, tally] : groups) summary.groups.emplace_back(name, tally.scores());
  }
  return summary;
}

std::vector<TaskVerdict> judge_tasks(const PreparedTasks& tasks, const UnitRecords& records,
                                     std::size_t m) {
  std::vector<TaskVerdict> verdicts;
  for (std::size_t t = 0; t < records.size(); ++t) {
    verdicts.push_back(judge(tasks.kind, tasks.tasks[t], record_of_model(tasks, t, records, m)));
  }
  return verdicts;
}

}  // namespace lathe
