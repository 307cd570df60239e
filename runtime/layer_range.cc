#include "runtime/layer_range.h"

#include <string>

#include "runtime/base/error.h"

namespace lathe {

LayerRange checked_range(LayerRange range, std::size_t n_layer) {
  const int last = static_cast<int>(n_layer);
  if (range.end == LayerRange::kLast) range.end = last;
  if (range.first < 0 || range.first > range.end || range.end > last) {
    throw usage_error("layers [" + std::to_string(range.first) + ", " + std::to_string(range.end) +
                      ") of a model of " + std::to_string(n_layer));
  }
  return range;
}

}  // namespace lathe
