// What a step of a model runs with. Passed, never global.
#pragma once

#include <optional>

#include "kernels/kernel_table.h"
#include "runtime/base/arena.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/observer.h"
#include "runtime/weight_set.h"

namespace lathe {

// Which way matrix products go (kernels/kernel_table.h).
enum class MatmulPath {
  kPanel,   // prompts, evaluation, importance matrices: bit-identical for any split into batches
  kMatvec,  // generation: each token's dot products straight from the blocks
};

struct ExecContext {
  const KernelTable& kernels;
  ThreadPool& pool;
  Arena& scratch;            // sized when the session was made; nothing is allocated in a pass
  const WeightSet& weights;  // the model's own, or an overlay
  MatmulPath path = MatmulPath::kPanel;
  Observer* observer = nullptr;
  // What follows the input of this product is not wanted (runtime/layer_range.h): from there on
  // products and attention do nothing. Whoever calls a step sets it and clears `ended`.
  std::optional<TensorRole> until = {};
  bool ended = false;
};

}  // namespace lathe
