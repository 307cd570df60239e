// The tables of `lathe stats`, as text, CSV and JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "quant/stats/activation_stats.h"
#include "quant/stats/block_influence.h"
#include "quant/stats/weight_stats.h"

namespace lathe {

struct StatsOutput {
  bool json = false, csv = false;  // neither: tables for people
};

// "layer, tensor, sum, ..."
std::string sort_columns();
// Texts and layers ascending, numbers falling. Error (kUsage) for a column that there is none of.
void sort_stats(std::vector<ActivationStats>& stats, std::string_view column);

// Tensors, then layers; `weights` adds the ZD of each layer's weights. Either may be empty.
void print_stats(const std::vector<ActivationStats>& activations,
                 const std::vector<WeightStats>& weights, const StatsOutput& output);
void print_blocks(const BlockInfluenceCollector::Result& result, const StatsOutput& output);

}  // namespace lathe
