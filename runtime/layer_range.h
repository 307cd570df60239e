// Which layers of a model a pass goes through: [first, end). The token embeddings come before layer
// 0, the output head after the last layer: a range that starts at 0 begins with the ones, a range
// that ends with the last layer goes on through the other, for the rows that want logits.
#pragma once

#include <cstddef>

namespace lathe {

struct LayerRange {
  static constexpr int kLast = -1;

  int first = 0;
  int end = kLast;  // kLast: all that follow

  bool operator==(const LayerRange&) const = default;
};

// The range with its end as a number. Error (kUsage) unless 0 <= first <= end <= n_layer.
LayerRange checked_range(LayerRange range, std::size_t n_layer);

}  // namespace lathe
