// A session: one KV cache, scratch memory and the position of up to 64 sequences, over one model.
//
// Two sessions can live in one process, also over one model. Nothing is allocated in decode().
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <vector>

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
  void set_weights(const WeightSet& weights) noexcept;
  void set_skipped_layers(std::span<const int> layers);  // pruning trials

  // Runs the batch. False (and nothing changed) when the cache has no room for it.
  // Error (kUsage): token out of range, more items than n_batch, more rows than max_logits.
  bool decode(Batch batch, MatmulPath path);
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
