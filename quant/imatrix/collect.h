// Collects an importance matrix: runs text through a model and sums the squares of what enters each
// weight matrix, column by column.
//
// Sums are kept in double and grow row by row in the order of the text, so the result does not
// depend on batch size or threads. All tokens of a chunk count, not only the scored half.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "quant/eval/perplexity.h"
#include "quant/eval/text_chunks.h"
#include "quant/imatrix/imatrix.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/observer.h"
#include "runtime/session.h"

namespace lathe {

class ImatrixCollector : public Observer {
 public:
  // Collects for the matrices in layers, and for output.weight where asked and there.
  ImatrixCollector(const Model& model, ThreadPool& pool, bool process_output);

  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override;

  // The first weight whose input was not finite.
  const std::optional<TensorId>& first_bad() const noexcept { return first_bad_; }
  // Entries of the weights that saw at least one token.
  Imatrix result() const;

 private:
  struct Sums {
    TensorId id;
    std::vector<double> sum2;
    std::uint64_t n_rows = 0;
  };
  Sums* sums_of(TensorId id) noexcept;

  ThreadPool& pool_;
  std::vector<int> slots_;  // by layer and role: index into sums_, -1 for those not collected
  std::vector<Sums> sums_;
  std::optional<TensorId> first_bad_;
};

struct CollectOptions {
  bool process_output = false;
  bool perplexity = true;  // the head costs time; without it nothing can be said of the text
  std::string dataset;     // name of the text, kept in the file
};

// Called after each chunk (counted from 0); the perplexity so far, if wanted. False stops.
using CollectProgress = std::function<bool(std::size_t chunk, const std::optional<Estimate>&)>;

// Error (kFailed) at the first value that is not finite, naming tensor and chunk, and when the
// progress says stop.
Imatrix collect_imatrix(Session& session, const TextChunks& text, const CollectOptions& options,
                        const KernelTable& kernels, ThreadPool& pool,
                        const CollectProgress& progress = {});

}  // namespace lathe
