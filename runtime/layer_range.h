// Which layers of a model a pass goes through: [first, end). The token embeddings come before layer
// 0, the output head after the last layer: a range that starts at 0 begins with the ones, a range
// that ends with the last layer goes on through the other, for the rows that want logits.
#pragma once

#include <cstddef>
#include <optional>

#include "runtime/tensor_role.h"

namespace lathe {

struct LayerRange {
  static constexpr int kLast = -1;

  int first = 0;
  int end = kLast;  // kLast: all that follow
  // The last layer goes only as far as the input of this product, which observers see; it and what
  // follows are left out, and so are the hidden states behind the layer. kOutput: all layers, and
  // the head up to its product.
  std::optional<TensorRole> until{};
  // The first layer begins with this product, whose input an earlier pass kept; hidden states are
  // those that its result is to be added to.
  std::optional<TensorRole> since{};

  bool takes_up_hidden() const noexcept { return first > 0 || since; }
  bool operator==(const LayerRange&) const = default;
};

// The range with its end as a number. Error (kUsage) unless 0 <= first <= end <= n_layer.
LayerRange checked_range(LayerRange range, std::size_t n_layer);

// Whether a range with its end as a number goes on into the output head.
constexpr bool reaches_head(const LayerRange& range, std::size_t n_layer) noexcept {
  const bool ends_before = range.until && *range.until != TensorRole::kOutput;
  return range.end == static_cast<int>(n_layer) && !ends_before;
}

}  // namespace lathe
