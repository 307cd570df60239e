// Texts through a model forwards and backwards, layer by layer: each layer's weights are read
// twice, whatever the number of texts.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>

#include "runtime/base/mapped_file.h"
#include "runtime/gradient/model_gradient.h"
#include "runtime/model.h"

namespace lathe {

struct GradientOptions {
  std::size_t first_row = 0;   // of each text: logits before have no gradient (nobody scores them)
  std::string spill_folder{};  // for the hidden states between layers; empty: memory
  bool drop_weights = false;   // give back the memory of each layer when it is done
};

// What a pass is of, and with. All outlive it.
struct GradientRun {
  const Model& model;
  std::span<const MappedFile> files{};  // that hold the weights: read ahead and dropped
  const KernelTable& kernels;
  ThreadPool& pool;
  std::span<const Batch> texts;  // each alone in its context, at rising positions
};

struct GradientCallbacks {
  // Logits become the gradient at themselves: rows [n, n_vocab] of text `text` from row `first` on.
  std::function<void(std::size_t text, std::size_t first, MatrixView<float> logits)> logits;
  // Called after each step with the share of the work that is done; false stops.
  std::function<bool(double fraction, std::string_view step)> progress{};
};

// Rows of all texts that have logits.
std::size_t count_rows(std::span<const Batch> texts, std::size_t first_row) noexcept;

// Error (kUsage) for a model whose architecture has no gradient, and for tokens outside of the
// vocabulary; (kFailed) when the progress says stop.
void run_gradient_pass(const GradientRun& run, const GradientOptions& options,
                       const GradientCallbacks& callbacks, GradientObserver& observer);

}  // namespace lathe
