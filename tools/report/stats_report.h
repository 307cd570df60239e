// The results of `lathe stats` as tables for people, CSV and JSON.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "tools/jobs/stats.h"

namespace lathe {

// "layer, tensor, sum, ..."
std::string sort_columns();
// Error (kUsage) for a column that there is none of.
void check_sort_column(std::string_view column);
// Texts and layers ascending, numbers falling.
void sort_stats(std::vector<ActivationStats>& stats, std::string_view column);

// Tensors, then layers; weights add the ZD of each layer's weights. Either may be empty.
std::string stats_text(const TableStats& stats);
std::string stats_csv(const TableStats& stats);
nlohmann::ordered_json stats_json(const TableStats& stats);

std::string blocks_text(const BlockStats& stats);
std::string blocks_csv(const BlockStats& stats);
nlohmann::ordered_json blocks_json(const BlockStats& stats);

}  // namespace lathe
