#include "quant/heal/layer_choice.h"

#include <fmt/format.h>

#include <algorithm>

#include "runtime/base/error.h"

namespace lathe {
namespace {

using LayerSet = std::vector<int>;

// C(n, k), or more than kMostSets.
std::size_t count_sets(int n, int k) noexcept {
  std::size_t count = 1;
  for (int i = 1; i <= std::min(k, n - k); ++i) {
    count = count * static_cast<std::size_t>(n - i + 1) / static_cast<std::size_t>(i);
    if (count > kMostSets) break;
  }
  return count;
}

// All sets of k layers, in lexicographic order.
void add_sets(int n_layer, int k, LayerSet& begun, std::vector<LayerSet>& out) {
  if (k == 0) return out.push_back(begun);
  for (int layer = begun.empty() ? 0 : begun.back() + 1; layer <= n_layer - k; ++layer) {
    begun.push_back(layer);
    add_sets(n_layer, k - 1, begun, out);
    begun.pop_back();
  }
}

const LayerTrial& best_of(const std::vector<LayerTrial>& trials) {
  return *std::min_element(trials.begin(), trials.end(),
                           [](const auto& a, const auto& b) { return a.kld.value < b.kld.value; });
}

std::vector<LayerSet> one_more(int n_layer, const LayerSet& set) {
  std::vector<LayerSet> out;
  for (int layer = 0; layer < n_layer; ++layer) {
    if (std::binary_search(set.begin(), set.end(), layer)) continue;
    LayerSet& next = out.emplace_back(set);
    next.insert(std::upper_bound(next.begin(), next.end(), layer), layer);
  }
  return out;
}

}  // namespace

LayerChoice choose_layers(int n_layer, int n_prune, const MeasureTrials& measure) {
  if (n_prune < 1 || n_prune >= n_layer) {
    throw usage_error(fmt::format("{} layers to prune; the model has {}, and at least one remains",
                                  n_prune, n_layer));
  }
  LayerChoice out;
  out.singles = measure(one_more(n_layer, {}));
  out.chosen = best_of(out.singles);
  out.exhaustive = count_sets(n_layer, n_prune) <= kMostSets;
  if (n_prune == 1) return out;
  if (out.exhaustive) {
    std::vector<LayerSet> sets;
    LayerSet begun;
    add_sets(n_layer, n_prune, begun, sets);
    out.sets = measure(sets);
    out.chosen = best_of(out.sets);
    return out;
  }
  for (int n = 2; n <= n_prune; ++n) {
    std::vector<LayerTrial> trials = measure(one_more(n_layer, out.chosen.layers));
    out.chosen = best_of(trials);
    out.sets.insert(out.sets.end(), trials.begin(), trials.end());
  }
  return out;
}

}  // namespace lathe
