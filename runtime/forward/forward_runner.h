// Many texts through one or more models: the engine of evaluation, importance matrices and
// statistics, which know all their tokens beforehand.
//
// Two orders give the same bits (a row's result depends on that row only):
//   text by text      every text goes through all layers; each pass reads the whole model.
//   layer by layer    a group of texts goes through layer 0, then layer 1, ...; each layer's
//                     weights are read once per group, straight from disk, and dropped. What stays
//                     in memory are the hidden states of the group (or, spilled, in a file).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/base/mapped_file.h"
#include "runtime/forward/hidden_store.h"
#include "runtime/layer_range.h"
#include "runtime/model.h"

namespace lathe {

// Items that start with an empty cache. Several sequences may share prefixes (runtime/batch.h).
using RunText = std::span<const BatchItem>;

// One of the models that see the same texts.
struct RunModel {
  const Model& model;
  std::span<const MappedFile> files{};  // that hold its weights: read ahead and dropped
  std::vector<int> skipped_layers{};    // pruning trials
  std::string name{};                   // for messages
  // An overlay (runtime/overlay.h), which must outlive the runner; null: the model's own.
  const WeightSet* overlay = nullptr;

  const WeightSet& weights() const noexcept {
    return overlay != nullptr ? *overlay : model.weights();
  }
};

// Some of the layers, from and to hidden states that the caller keeps: one store per model, of a
// row for each item of all texts, text after text; or none at all. Parts one after the other give
// the bits of the whole. A store may be in both lists; a part that is run again wants two.
struct RunPart {
  LayerRange layers{};
  std::span<const HiddenStore* const> from{};  // what enters layers.first; only where that is not 0
  std::span<HiddenStore* const> to{};          // receives what leaves the last of the layers
  // Of a part that begins within a layer: what enters layers.since, for one model. `from` is then
  // the residual stream there.
  const HiddenStore* input = nullptr;
};

struct RunCallbacks {
  // Rows first_row .. of text `text`, counted among its items that want logits, in their order:
  // one matrix [n_rows, n_vocab] per model, valid during the call.
  std::function<void(std::size_t text, std::size_t first_row,
                     std::span<const MatrixView<const float>> by_model)>
      logits{};
  // Texts [0, n) are complete and observers have seen exactly those.
  std::function<void(std::size_t n)> done{};
  // Called often, and after each done(), with the share of the work that is done and what is being
  // done (empty: texts one after another); false stops.
  std::function<bool(double fraction, std::string_view step)> progress{};
  // Text by text only, where one may take minutes: called after each layer, with the share of all
  // work; false stops. Observers have then seen part of a text.
  std::function<bool(double fraction)> within_text{};
  // One per model, or none at all; null where nobody looks on.
  std::span<Observer* const> observers{};

  Observer* observer(std::size_t model) const noexcept {
    return observers.empty() ? nullptr : observers[model];
  }
};

enum class RunOrder { kByText, kByLayer };

struct RunOptions {
  std::size_t n_cells = 512;    // most items of a text
  std::size_t n_batch = 512;    // most items that go through a layer at once
  std::size_t max_logits = 64;  // most rows of logits at once
  Format k_format = Format::F16;
  Format v_format = Format::F16;
  RunOrder order = RunOrder::kByText;
  // By layer only: items of a group (at least one text). Enough that the arithmetic takes far
  // longer than reading the weights once, few enough that something is complete, and kept, now and
  // then.
  std::size_t group_items = std::size_t{1} << 15;
  // By layer only: bytes that hidden states may take (at least one text is always held), and a
  // folder for a file that holds them instead; empty: memory.
  std::size_t hidden_bytes = std::size_t{1} << 30;
  std::string spill_folder{};
  bool drop_weights = false;  // by layer only: give back the memory of each layer when it is done
};

class ForwardRunner {
 public:
  virtual ~ForwardRunner() = default;

  // Error (kUsage): a text of more than n_cells items, a token outside of the vocabulary.
  // Error (kFailed) when the progress says stop.
  void run(std::span<const RunText> texts, const RunCallbacks& callbacks) {
    run_part(texts, {}, callbacks);
  }
  // Error (kUsage) also: layers that a model does not have, a last layer that is the end of some
  // models only, stores of another shape or number.
  virtual void run_part(std::span<const RunText> texts, const RunPart& part,
                        const RunCallbacks& callbacks) = 0;

  const RunOptions& options() const noexcept { return options_; }
  std::size_t n_cells() const noexcept { return options_.n_cells; }
  std::span<const RunModel> models() const noexcept { return models_; }

 protected:
  ForwardRunner(std::vector<RunModel> models, RunOptions options)
      : models_(std::move(models)), options_(std::move(options)) {}

  void check_part(std::span<const RunText> texts, const RunPart& part) const;

  std::vector<RunModel> models_;
  RunOptions options_;
};

// The models, kernels and pool must outlive the runner.
// Error (kUsage) when the options make no sense for a model, or an overlay does not fit; (kFailed)
// without room to spill.
std::unique_ptr<ForwardRunner> make_forward_runner(std::vector<RunModel> models,
                                                   const KernelTable& kernels, ThreadPool& pool,
                                                   const RunOptions& options);

// Rows of logits that an evaluation holds at once: what fits a fixed amount of memory, at least a
// few, at most n_batch.
std::size_t logit_rows(std::size_t n_vocab, std::size_t n_batch) noexcept;

}  // namespace lathe
