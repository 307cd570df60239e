#include "quant/calibrate/calibration_memory.h"

#include <algorithm>

#include "quant/calibrate/input_group.h"

namespace lathe {
namespace {

constexpr std::uint64_t kFloat = sizeof(float);

// Of an input of n columns: H as it is and as it is rounded with, its factor and that of a setting
// that is tried, and two of them in bfloat16 (quant/calibrate/group_rounder.h). Of a matrix of r
// rows: it, its target, its sums and blocks, and it in bfloat16 twice.
std::uint64_t group_bytes(std::uint64_t n, std::uint64_t r) noexcept {
  return kFloat * (4 * n * n + 5 * r * n);
}

}  // namespace

MemoryNeed calibration_memory(const WeightSet& weights, std::size_t n_items) {
  MemoryNeed most;
  for (int layer = 0; layer < static_cast<int>(weights.n_layer()); ++layer) {
    std::uint64_t width = 0, n_embd = 0;  // floats that a token takes
    for (const InputGroup& group : layer_groups(weights, layer)) {
      for (const TensorRole role : group.roles) {
        const WeightView& view = weights.get(role, layer);
        most.matrices = std::max(most.matrices, group_bytes(view.cols, view.rows));
      }
      const WeightView& first = weights.get(group.roles.front(), layer);
      width += first.cols;
      if (group.adds_to_stream) n_embd = first.rows;
    }
    // The stream before and behind the layer, of both paths, and in its middle; inputs.
    most.tokens = std::max(most.tokens, kFloat * n_items * (5 * n_embd + width));
  }
  return most;
}

}  // namespace lathe
