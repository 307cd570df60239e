#include "tools/report/task_json.h"

#include <nlohmann/json.hpp>

#include "tools/report/eval_output.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

void put_scores(Json& out, TaskKind kind, const TaskScores& s) {
  out["n_tasks"] = s.n;
  put(out, "score", s.score);
  put(out, kind == TaskKind::kTruthfulQa ? "mc1" : "acc", s.acc);
  const bool has_norm = kind != TaskKind::kTruthfulQa && kind != TaskKind::kWinoGrande;
  if (has_norm) put(out, "acc_norm", s.acc_norm);
  if (s.mc2) put(out, "mc2", *s.mc2);
}

}  // namespace

Json task_set_json(const TaskSet& set) {
  Json files = Json::array();
  for (const TaskFile& file : set.files) {
    files.push_back({{"file", file.name}, {"sha256", file.sha256}, {"n_tasks", file.n_tasks}});
  }
  return {{"kind", std::string(task_name(set.kind))},
          {"n_available", set.tasks.size()},
          {"sha256", task_set_sha256(set)},
          {"files", files}};
}

void put_summary(Json& out, TaskKind kind, const TaskSummary& summary) {
  put_scores(out, kind, summary.all);
  out["score_low"] = summary.interval.low;
  out["score_high"] = summary.interval.high;
  put(out, "chance", summary.chance);
  if (summary.groups.empty()) return;
  Json& groups = out["groups"] = Json::object();
  for (const auto& [name, scores] : summary.groups) put_scores(groups[name], kind, scores);
}

Json answer_json(const PreparedTasks& tasks, std::size_t task, const TaskVerdict& verdict,
                 const UnitRecords& records) {
  const auto record = record_of_model(tasks, task, records, 0);
  Json scores = Json::array(), sums = Json::array();
  for (std::size_t c = 0; c < tasks.tasks[task].choices.size(); ++c) {
    scores.push_back(record[2 * c]);
    sums.push_back(record[2 * c + 1]);
  }
  return {{"chosen", verdict.chosen},
          {"correct", verdict.correct},
          {"margin", verdict.margin},
          {"scores", scores},
          {"sums", sums}};
}

}  // namespace lathe
