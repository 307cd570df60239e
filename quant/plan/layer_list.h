// Lists of layers as people write them: "4,5,10-12".
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lathe {

// Ascending, each once. Error (kUsage) naming `option` and the text for anything that is no list of
// numbers and ranges, and for layers that a model of n_layer layers does not have.
std::vector<int> parse_layer_list(std::string_view text, int n_layer, std::string_view option);

// The other way round: {0, 1, 2, 5} -> "0-2,5". `layers` ascends.
std::string layer_list_text(std::span<const int> layers);

}  // namespace lathe
