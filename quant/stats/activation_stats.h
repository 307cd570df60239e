// Statistics of the activations that an importance matrix has seen: how unevenly a weight's input
// channels are used. A guide only: divergence of whole models decides (docs/importance.md).
//
// Definitions are those of llama-imatrix --show-statistics, so that figures can be compared. The
// value v_j of channel j is its mean square, sum over tokens of x_j^2 / number of tokens.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "quant/imatrix/imatrix.h"

namespace lathe {

// |v| at most this is an inactive channel; cards of 2025 and before used 1e-6.
inline constexpr double kActiveThreshold = 1e-5;

struct ActivationStats {
  std::string name;    // of the weight
  std::string tensor;  // "attn_k"
  int layer = -1;      // -1: of the whole model
  std::size_t n = 0;   // channels
  double sum = 0, min = 0, max = 0, mean = 0;
  double deviation = 0;   // population standard deviation
  double active = 0;      // share of channels above the threshold
  double entropy = 0;     // of v / sum, in bits
  double normalized = 0;  // entropy / log2 n
  double zd = 0;          // share of channels more than one deviation above the mean
  double cosine = 0;      // with the same tensor one layer before, on raw sums; 0: there is none
};

// Means over a layer's tensors, weighted by their channels.
struct LayerActivationStats {
  int layer = -1;
  double sum = 0, zd = 0, cosine = 0;
};

// By name of the tensor, then falling sum: the order of the reference program. Matrices that never
// saw a token are left out; weights of which all are, too.
std::vector<ActivationStats> activation_stats(const Imatrix& imatrix,
                                              double active_threshold = kActiveThreshold);
// By layer, whole-model weights (-1) first.
std::vector<LayerActivationStats> layer_activation_stats(const std::vector<ActivationStats>& stats);

}  // namespace lathe
