// Results of multiple-choice tests as JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>

#include "quant/eval/tasks/read_tasks.h"
#include "quant/eval/tasks/task_summary.h"

namespace lathe {

// Files with their hashes and numbers of tasks.
nlohmann::ordered_json task_set_json(const TaskSet& set);

// Scores as shares of 1, under the names that docs/tasks.md gives; by group below "groups".
void put_summary(nlohmann::ordered_json& out, TaskKind kind, const TaskSummary& summary);

// One task: what was chosen, and its scores; `records` of one model.
nlohmann::ordered_json answer_json(const PreparedTasks& tasks, std::size_t task,
                                   const TaskVerdict& verdict, const UnitRecords& records);

}  // namespace lathe
