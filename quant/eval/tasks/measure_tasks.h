// Runs tasks through models: records of numbers per task, from which every figure is computed.
//
// A task's record does not depend on which tasks it is packed with, on the context, or on the order
// of layers: the same bits (docs/architecture.md).
#pragma once

#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "quant/eval/eval_checkpoint.h"
#include "quant/eval/eval_context.h"
#include "quant/eval/tasks/scores.h"

namespace lathe {

class Tokenizer;

// The tasks of a set that are scored, ready to be run by models with one vocabulary.
struct PreparedTasks {
  TaskKind kind;
  std::vector<Task> tasks;
  std::vector<TaskTokens> tokens;  // of each task
};

// In the order of `selected`. Errors as tokenize_task()'s.
PreparedTasks prepare_tasks(TaskKind kind, std::span<const Task> all,
                            std::span<const std::size_t> selected, const Tokenizer& tokenizer,
                            bool compat);

// Tokens that a model runs for them, about: what tasks share by being packed together is not taken
// off.
std::size_t count_tokens(const PreparedTasks& tasks);

// What a runner for them needs: n_cells, unless `n_ctx` (0: free) says otherwise. Error (kUsage)
// when n_ctx is too small.
std::size_t task_cells(const PreparedTasks& tasks, std::size_t n_ctx);

// Called often, with the tasks that are complete, the share of the work that is done, and what is
// being done; false stops.
using TaskProgress =
    std::function<bool(const UnitRecords&, double fraction, std::string_view step)>;

// Goes on after the tasks that `records` has, and adds the others: for each task the TaskRecord of
// each of the runner's models, one after another. Error (kFailed) when stopped, and where a model's
// output is not finite, naming task, model, layer and tensor; `records` then holds what is
// complete.
void measure_tasks(const EvalContext& context, const PreparedTasks& tasks, UnitRecords& records,
                   const TaskProgress& progress = {});

// The part of model m in a record of measure_tasks().
std::span<const double> record_of_model(const PreparedTasks& tasks, std::size_t task,
                                        const UnitRecords& records, std::size_t m);

}  // namespace lathe
