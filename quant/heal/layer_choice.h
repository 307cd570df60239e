// Which layers of a model go: those whose loss moves its predictions least, by measured divergence
// on a text. Ranks by what a layer does to the residual stream (quant/stats/block_influence.h) are
// guesses at that.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <vector>

#include "quant/eval/statistics.h"

namespace lathe {

struct LayerTrial {
  std::vector<int> layers;  // left out, ascending
  Estimate kld, ppl;        // of what remains; divergence from the whole model
};

struct LayerChoice {
  std::vector<LayerTrial> singles;  // each layer alone
  // Larger sets that were tried; all of them, or those that each step of a greedy search had.
  std::vector<LayerTrial> sets;
  bool exhaustive = false;
  LayerTrial chosen;
};

// Measures sets of layers to leave out, one trial each, in order.
using MeasureTrials =
    std::function<std::vector<LayerTrial>(std::span<const std::vector<int>> sets)>;

// The n_prune layers of n_layer. All sets are tried where there are no more than kMostSets;
// otherwise layers are added one by one, each time the one that costs least. Error (kUsage) unless
// 0 < n_prune < n_layer.
LayerChoice choose_layers(int n_layer, int n_prune, const MeasureTrials& measure);
inline constexpr std::size_t kMostSets = 64;

}  // namespace lathe
