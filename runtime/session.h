// A session: one KV cache, scratch memory and the position of up to 64 sequences, over one model.
//
// Two sessions can live in one process, also over one model. Nothing is allocated in decode().
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "runtime/layer_range.h"
#include "runtime/model.h"

namespace lathe {

struct SessionOptions {
  std::size_t n_ctx = 4096;  // cells in the cache, shared by all sequences
  std::size_t n_batch =
      512;  // most items in one decode(); longer batches are the caller's to split
  std::size_t max_logits = 1;  // most rows of logits that one decode() can be asked for
  Format k_format = Format::F16;
  Format v_format = Format::F16;
  const WeightSet* weights = nullptr;  // an overlay; null: the model's own
};

class Session {
 public:
  // Error (kUsage) when the options make no sense for the model (Q8_0 cache with a head size that
  // is not a multiple of 32, zero sizes, a cache beyond memory).
  Session(const Model& model, const KernelTable& kernels, ThreadPool& pool,
          const SessionOptions& options);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Model& model() const noexcept;
  const SessionOptions& options() const noexcept;
  KvCache& cache() noexcept;
  void set_observer(Observer* observer) noexcept;
  // Called after each layer of a decode(), on its thread. It may throw: that ends the decode(), and
  // the session wants a clear() before the next.
  void set_layer_hook(std::function<void()> hook);
  // An overlay (runtime/overlay.h), which must outlive its use. Error (kUsage) when it does not
  // fit.
  void set_weights(const WeightSet& weights);
  void set_skipped_layers(std::span<const int> layers);  // pruning trials

  // Runs the batch. False (and nothing changed) when the cache has no room for it.
  // Error (kUsage): token out of range, more items than n_batch, more rows than max_logits.
  bool decode(Batch batch, MatmulPath path);
  // The part of a decode() that a range of layers is. A range that starts behind layer 0 takes up
  // the hidden states `from` [n_items, n_embd], which an earlier part left in hidden(), here or in
  // another session. Items that the cache holds, since an earlier part ran here, keep their cells;
  // others get new ones. Parts one after the other give the bits of the whole. Running a part again
  // replaces what it left in the cache; later layers and positions want the same then.
  // Where the range begins within a layer, `input` is what was kept of the product there.
  // Error (kUsage) also: a range outside of the model, `from` missing or of another shape.
  bool decode_layers(Batch batch, MatmulPath path, LayerRange layers,
                     MatrixView<const float> from = {}, MatrixView<const float> input = {});
  // What the last decode()'s last layer left, [n_items, n_embd]; valid until the next.
  MatrixView<const float> hidden() const noexcept;
  // Rows of the items that wanted logits, in the batch's order; valid until the next decode().
  MatrixView<const float> logits() const noexcept;

  // Forgets positions >= pos of sequence `seq` (cells still used by others stay).
  void truncate(int seq, std::int32_t pos) noexcept;
  // Lets sequence `to` share the cells of `from` at positions < pos.
  void share_prefix(int from, int to, std::int32_t pos) noexcept;
  void clear() noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lathe
