// Which tasks of a file are scored: the same random subsets as llama.cpp's perplexity tool draws
// (reference/evaluation.md §10 to §12), so that published figures are over the same tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "quant/eval/tasks/task.h"

namespace lathe {

struct TaskSelection {
  std::size_t n_tasks = 0;  // 0: all
  std::uint32_t seed = 1;   // of the Mersenne twister that draws
  // WinoGrande: the peer never reads the last row of its CSV. A subset is drawn from the rows that
  // it reads in any case; with `compat`, that row is left out of "all" too.
  bool compat = false;
};

// The peer's number of tasks where none is asked for; 0: all.
std::size_t default_n_tasks(TaskKind kind) noexcept;

// Indices of the tasks, in the order in which they are scored.
std::vector<std::size_t> select_tasks(TaskKind kind, std::size_t n_available,
                                      const TaskSelection& selection);

}  // namespace lathe
