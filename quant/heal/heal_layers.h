// Heals a model that loses layers: the layers that remain are refitted in closed form, on
// calibration text, to do what the original did. No tensor is added, no architecture is changed.
//
// Layer after layer, on the student's own hidden states: the remaining layer before a gap is to
// leave the residual stream as the original leaves it behind the gap, later layers as the original
// leaves it behind them. Each half (attention, feed-forward network) is a least-squares fit of the
// matrix that adds to the stream. At a gap the heads and neurons of the remaining and of the
// skipped layers stand for election, their inputs refitted to the student's, and as many remain as
// the layer has.
//
// The method is ours; its parts are known: refitting by least squares after pruning
// (LLM-Streamline, arXiv 2403.19135; SliceGPT, arXiv 2401.15024), elimination by the optimal brain
// surgeon (quant/heal/elimination.h).
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "quant/eval/text_chunks.h"
#include "quant/heal/healed_files.h"
#include "quant/heal/healed_half.h"
#include "quant/heal/student.h"
#include "runtime/forward/forward_runner.h"
#include "runtime/machine/thread_pool.h"

namespace lathe {

struct HealOptions {
  double ridge = 1e-3;             // of every fit: a share of the features' mean square
  std::size_t held_out_every = 8;  // every so many-th chunk of the text is held out
  bool pool_units = true;          // heads and neurons at the gaps
  bool fit_inputs = true;          // queries, keys, values, gates of all layers that are refitted
  double norm_epsilon = 1e-6;      // of the norms behind blocks, where a model has them
  std::string spill_folder{};      // for hidden states; empty: memory
};

struct HealResult {
  std::vector<HealedHalf> halves;            // in order
  ReplacedTensors tensors;                   // by the names of the original
  std::size_t n_fitted = 0, n_held_out = 0;  // tokens
  std::size_t n_taken_up = 0;                // layers that an interrupted run had healed
};

// Opens a runner for one model; it must not outlive what it is given.
using OpenRunner = std::function<std::unique_ptr<ForwardRunner>(RunModel)>;
// Called often, with the share of the work that is done and what is being done; false stops.
using HealProgress = std::function<bool(double fraction, std::string_view step)>;

struct HealContext {
  RunModel model;  // the original; its overlay is not used
  const KernelTable& kernels;
  ThreadPool& pool;
  OpenRunner open_runner;
  // Layers that are there already are taken from it, others are put into it; null: nothing is kept.
  HealedFiles* files = nullptr;
};

// The fewest tokens that a fit can be trusted with: several for each column of the widest one.
std::size_t tokens_to_heal(const Model& model, const std::vector<int>& pruned,
                           const HealOptions& options);

// `pruned` ascends. Error (kUsage): nothing or everything is pruned, a model in other than float
// formats, a text of fewer than tokens_to_heal(), or of which fewer than two
// chunks would be held out; (kFailed) when stopped.
HealResult heal_pruned(const HealContext& context, const TextChunks& text,
                       const std::vector<int>& pruned, const HealOptions& options,
                       const HealProgress& progress = {});

}  // namespace lathe
