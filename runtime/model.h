// A model is steps that can be called one at a time:
//
//   embed (items)             -> hidden [n_items, n_embd]
//   layer (i, hidden, cache)  -> hidden                     for i in 0 .. n_layer-1
//   head  (hidden)            -> logits [n_rows, n_vocab]   only for the rows asked for
//
// A session runs them in order. Layer-major evaluation, pruning trials (skip a layer), sensitivity
// of one tensor to a format (an overlay WeightSet) and pipelines over several machines are the same
// three calls in another order.
//
// Immutable after load: const methods only; everything that changes is passed in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/matrix_view.h"
#include "runtime/batch.h"
#include "runtime/exec_context.h"
#include "runtime/kv_cache.h"
#include "runtime/weight_set.h"

namespace lathe {

class GgufFile;
class ModelGradient;  // runtime/gradient/model_gradient.h

struct ModelTraits {
  std::string architecture;  // as the file names it
  std::string name;          // general.name, or empty
  std::size_t n_layer = 0;
  std::size_t n_embd = 0;
  std::size_t n_vocab = 0;
  std::size_t n_ctx_train = 0;
  std::size_t n_head = 0;
  std::size_t n_head_kv = 0;
  std::size_t head_dim = 0;
  std::size_t n_ff = 0;      // widest layer
  bool tied_output = false;  // the output head is token_embd
  std::uint64_t n_params = 0;
  std::uint64_t weight_bytes = 0;
};

// One pass's items as the layers see them, prepared once per pass by the session: positions, the
// cells that the items were given, and each query's visible cells.
struct PassView {
  Batch items;
  const std::int32_t* cells;  // [n_items] where each item's key and value go
  AttentionPlan attention;    // runtime/kv_cache.h
};

class Model {
 public:
  virtual ~Model() = default;

  virtual const ModelTraits& traits() const noexcept = 0;
  virtual const WeightSet& weights() const noexcept = 0;

  // hidden: [n_items, n_embd], written.
  virtual void embed(ExecContext& ctx, Batch items, MatrixView<float> hidden) const noexcept = 0;
  // hidden: [n_items, n_embd], updated in place; keys and values are stored in the cache.
  virtual void layer(ExecContext& ctx, int i, const PassView& pass, KvCache& cache,
                     MatrixView<float> hidden) const noexcept = 0;
  // hidden: [n_rows, n_embd] after the last layer; logits: [n_rows, n_vocab], written.
  virtual void head(ExecContext& ctx, MatrixView<const float> hidden,
                    MatrixView<float> logits) const noexcept = 0;

  // Scratch bytes that any of the steps needs for passes of up to n_items items over n_cells cells.
  virtual std::size_t scratch_bytes(const KernelTable& kernels, int n_threads, std::size_t n_items,
                                    std::size_t n_cells) const = 0;

  // The same steps in float32 and backwards; refers to this model. Null where an architecture has
  // none.
  virtual std::unique_ptr<ModelGradient> make_gradient() const;
};

}  // namespace lathe
