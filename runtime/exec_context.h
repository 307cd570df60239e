// What a step of a model runs with. Passed, never global.
#pragma once

#include <optional>

#include "kernels/kernel_table.h"
#include "runtime/base/arena.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/observer.h"
#include "runtime/weight_set.h"

namespace lathe {

// Which way matrix products go (kernels/kernel_table.h): said by the kind of step, not by the
// number of its tokens, because the two differ in their last bits. Within each, the results of a
// token are the same to the bit for any split into batches.
enum class MatmulPath {
  kPanel,   // prompts, evaluation, importance matrices
  kMatvec,  // generation, of one token or of several at once: straight from the blocks
};

struct ExecContext {
  const KernelTable& kernels;
  ThreadPool& pool;
  Arena& scratch;            // sized when the session was made; nothing is allocated in a pass
  const WeightSet& weights;  // the model's own, or an overlay
  MatmulPath path = MatmulPath::kPanel;
  Observer* observer = nullptr;
  // What follows the input of this product is not wanted (runtime/layer_range.h): from there on
  // steps do nothing. Whoever calls a step sets it and clears `ended`.
  std::optional<TensorRole> until = {};
  bool ended = false;
  // What precedes this product was done by another pass: until it comes, steps do nothing, and
  // `input` [n_items, n_in] stands for its input. Whoever calls a step sets both.
  std::optional<TensorRole> since = {};
  MatrixView<const float> input = {};

  bool idle() const noexcept { return ended || since; }
};

}  // namespace lathe
