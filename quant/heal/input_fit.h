// Refits matrices so that what the student puts into them gives what the original model's own
// inputs give: W' s ~ W t over the tokens, t the teacher's input, s the student's. All matrices of
// one input share W' = W T with T = argmin |t - T s|^2 under a ridge that pulls towards T = 1.
#pragma once

#include <vector>

#include "quant/heal/student.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

struct InputTask {
  const CalibrationRows& rows;
  const HiddenStore& student;  // s: [n_rows, n]
  const HiddenStore& teacher;  // t: [n_rows, n]
  double ridge = 1e-3;
};

// The input tensors of layer `from` of the original, refitted to stand in layer `to`. Queries that
// are normed over all heads are scaled to a mean square of one, so that heads of several layers can
// stand beside each other.
std::vector<TensorValues> fitted_inputs(ThreadPool& pool, const Student& student,
                                        const StageRoles& roles, int from, int to,
                                        const InputTask& task);

}  // namespace lathe
