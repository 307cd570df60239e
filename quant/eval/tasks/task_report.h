// Task results as text: line by line as llama.cpp's perplexity tool prints them, so that the two
// can be compared, and the figures at the end.
#pragma once

#include <string>

#include "quant/eval/tasks/task_summary.h"

namespace lathe {

std::string task_header(TaskKind kind);

// The line of one task, with the score so far (running includes it).
std::string task_line(const PreparedTasks& tasks, std::size_t task, const TaskVerdict& verdict,
                      std::span<const double> record, const RunningScore& running);

// Final score, random chance, lm-evaluation-harness' figures; without groups.
std::string task_report(TaskKind kind, const TaskSummary& summary);

}  // namespace lathe
