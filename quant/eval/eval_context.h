// What an evaluation runs with.
#pragma once

#include "kernels/kernel_table.h"
#include "runtime/forward/forward_runner.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

struct EvalContext {
  ForwardRunner& runner;
  const KernelTable& kernels;
  ThreadPool& pool;
};

}  // namespace lathe
