#include "quant/plan/layer_list.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "runtime/base/ascii.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

// Plain digits only: no sign, nothing behind.
std::optional<int> layer_number(std::string_view text) noexcept {
  int layer = -1;
  const char* end = text.data() + text.size();
  const auto [after, error] = std::from_chars(text.data(), end, layer);
  if (error != std::errc{} || after != end || layer < 0) return std::nullopt;
  return layer;
}

struct Range {
  int first, last;
};

std::optional<Range> range_of(std::string_view item) noexcept {
  const std::size_t dash = item.find('-');
  const auto first = layer_number(trimmed(item.substr(0, dash)));
  const auto last = dash == item.npos ? first : layer_number(trimmed(item.substr(dash + 1)));
  if (!first || !last || *first > *last) return std::nullopt;
  return Range{*first, *last};
}

}  // namespace

std::vector<int> parse_layer_list(std::string_view text, int n_layer, std::string_view option) {
  std::vector<int> layers;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string_view item = trimmed(text.substr(begin, end - begin));
    const auto range = range_of(item);
    if (!range) {
      throw usage_error(
          fmt::format("{} {}: {} is no layer and no range; expected a list as 4,5,10-12", option,
                      quoted(text), quoted(item)));
    }
    if (range->last >= n_layer) {
      throw usage_error(fmt::format("{} {}: there is no layer {}; the model has layers 0 to {}",
                                    option, quoted(text), std::max(range->first, n_layer),
                                    n_layer - 1));
    }
    for (int layer = range->first; layer <= range->last; ++layer) layers.push_back(layer);
    begin = end + 1;
  }
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  return layers;
}

std::string layer_list_text(std::span<const int> layers) {
  std::string text;
  for (std::size_t i = 0; i < layers.size();) {
    std::size_t last = i;
    while (last + 1 < layers.size() && layers[last + 1] == layers[last] + 1) ++last;
    text += fmt::format("{}{}", text.empty() ? "" : ",", layers[i]);
    if (last > i) text += fmt::format("{}{}", last > i + 1 ? "-" : ",", layers[last]);
    i = last + 1;
  }
  return text;
}

}  // namespace lathe
