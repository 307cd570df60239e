// Results of multiple-choice tests.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "tools/jobs/tasks_job.h"

namespace lathe {

// Scores as shares of 1, under the names that docs/tasks.md gives; by group below "groups".
nlohmann::ordered_json tasks_document(const TasksResult& result);
// The end of a text result: final score, interval, lm-evaluation-harness' figures, groups.
std::string tasks_text(const TasksResult& result);

}  // namespace lathe
