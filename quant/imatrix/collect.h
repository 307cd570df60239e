// Collects an importance matrix: runs text through a model and sums what enters each weight matrix,
// and its squares, column by column.
//
// Sums are kept in double and grow row by row in the order of the text, so the result does not
// depend on batch size or threads. All tokens of a chunk count, not only the scored half.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "quant/eval/eval_context.h"
#include "quant/eval/statistics.h"
#include "quant/eval/text_chunks.h"
#include "quant/imatrix/checkpoint.h"
#include "quant/imatrix/imatrix.h"
#include "runtime/observer.h"

namespace lathe {

class ImatrixCollector : public Observer {
 public:
  // Collects for the matrices in layers and, where asked, of the output head: output.weight, or
  // token_embd.weight where the head is tied to it.
  ImatrixCollector(const Model& model, ThreadPool& pool, bool process_output);

  void on_text(std::size_t text) noexcept override { text_ = text; }
  void on_matmul_input(TensorId weight, MatrixView<const float> input) noexcept override;

  struct Place {
    TensorId weight;
    std::size_t text;
  };
  // The first weight whose input was not finite.
  const std::optional<Place>& first_bad() const noexcept { return first_bad_; }
  // Entries of the weights that saw at least one token.
  Imatrix result(bool means) const;
  // "weight: 12 of 256 columns" for inputs with columns that were zero in every token so far.
  std::vector<std::string> zero_columns() const;

  // What was seen until the last mark(), which is at the end of a text.
  void mark() { marked_ = sums_; }
  void roll_back() { sums_ = marked_; }

  std::map<std::string, CollectedSums> sums() const;
  // Error (kFailed) for sums of a weight that this model does not have in that shape.
  void restore(const std::map<std::string, CollectedSums>& sums);

 private:
  struct Sums {
    TensorId id;
    CollectedSums of;
  };
  Sums* sums_of(TensorId id) noexcept;

  ThreadPool& pool_;
  std::vector<int> slots_;  // by layer and role: index into sums_, -1 for those not collected
  std::vector<Sums> sums_, marked_;
  std::size_t text_ = 0;
  std::optional<Place> first_bad_;
};

struct CollectOptions {
  bool process_output = false;
  bool perplexity = true;  // the head costs time; without it nothing can be said of the text
  std::vector<std::string> datasets{};  // names of the texts, kept in the file
  bool means = true;                    // the result has sums of x too
  const Checkpoint* resume = nullptr;   // what was done before; the text starts at its first chunk
  std::size_t save_every = 0;           // chunks; 0: save only when stopped
  // What was collected, when it is time to save it. May throw.
  std::function<void(const Checkpoint&, const Imatrix&)> save{};
  // Things worth knowing that are no reason to stop.
  std::function<void(const std::string&)> warn{};
};

// Called often, with the chunks that are done, the perplexity so far (if wanted), the share of the
// work that is done and what is being done. False stops.
using CollectProgress = std::function<bool(std::size_t n_chunks, const std::optional<Estimate>&,
                                           double fraction, std::string_view step)>;

// With the first model of the context. Error (kFailed) at the first value that is not finite,
// naming tensor and chunk, and when the progress says stop; what whole chunks gave until then is
// saved first (layer by layer: whole groups of chunks).
Imatrix collect_imatrix(const EvalContext& context, const TextChunks& text,
                        const CollectOptions& options, const CollectProgress& progress = {});

}  // namespace lathe
