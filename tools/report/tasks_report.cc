#include "tools/report/tasks_report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "quant/eval/tasks/task_report.h"
#include "tools/report/eval_document.h"
#include "tools/report/render.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kPercent = 100.0;

TaskKind kind_of(const TasksResult& result) { return result.inputs.tests.front().kind; }

void put_scores(Json& out, TaskKind kind, const TaskScores& s) {
  out["n_tasks"] = s.n;
  put(out, "score", s.score);
  put(out, kind == TaskKind::kTruthfulQa ? "mc1" : "acc", s.acc);
  const bool has_norm = kind != TaskKind::kTruthfulQa && kind != TaskKind::kWinoGrande;
  if (has_norm) put(out, "acc_norm", s.acc_norm);
  if (s.mc2) put(out, "mc2", *s.mc2);
}

Json answer_json(const TaskAnswer& answer) {
  return {{"index", answer.index},
          {"chosen", answer.verdict.chosen},
          {"correct", answer.verdict.correct},
          {"margin", answer.verdict.margin},
          {"scores", answer.scores},
          {"sums", answer.sums}};
}

std::string group_table(const TaskSummary& summary) {
  TextTable table({"group", "tasks", "score", "+/-", "acc", "acc_norm"});
  for (const auto& [name, s] : summary.groups) {
    table.add_row({name, std::to_string(s.n), fmt::format("{:.2f}", kPercent * s.score.value),
                   fmt::format("{:.2f}", kPercent * s.score.error),
                   fmt::format("{:.2f}", kPercent * s.acc.value),
                   fmt::format("{:.2f}", kPercent * s.acc_norm.value)});
  }
  return table.aligned();
}

}  // namespace

Json tasks_document(const TasksResult& result) {
  const TaskSummary& summary = result.summary;
  Json out = eval_document(result.inputs);
  out["seconds"] = result.seconds;
  put_scores(out, kind_of(result), summary.all);
  put(out, "score", summary.interval);
  put(out, "chance", summary.chance);
  if (!summary.groups.empty()) {
    Json& groups = out["groups"] = Json::object();
    for (const auto& [name, scores] : summary.groups) {
      put_scores(groups[name], kind_of(result), scores);
    }
  }
  Json& answers = out["answers"] = Json::array();
  for (const TaskAnswer& answer : result.answers) answers.push_back(answer_json(answer));
  return out;
}

std::string tasks_text(const TasksResult& result) {
  std::string text = task_report(kind_of(result), result.summary);
  if (!result.summary.groups.empty()) text += "\n" + group_table(result.summary);
  return text;
}

}  // namespace lathe
