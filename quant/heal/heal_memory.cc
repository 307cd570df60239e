#include "quant/heal/heal_memory.h"

#include <algorithm>

#include "quant/heal/layer_blocks.h"

namespace lathe {
namespace {

constexpr std::uint64_t kFloat = sizeof(float), kDouble = sizeof(double);

// A fit over n features of g layers to e channels: the sums in float32, their factor and at a gap
// its inverse in float64; the products with the channels; there the inputs and the output of each
// layer, too.
std::uint64_t fit_bytes(std::uint64_t n, std::uint64_t e, std::uint64_t g) noexcept {
  const std::uint64_t all = g * n;
  const std::uint64_t squares = kFloat + kDouble + (g > 1 ? kDouble : 0);
  return squares * all * all + kFloat * (g > 1 ? 4 : 2) * all * e;
}

}  // namespace

MemoryNeed heal_memory(const Model& model, const std::vector<int>& pruned,
                       const HealOptions& options, std::size_t n_items) {
  MemoryNeed most;
  const std::uint64_t n_embd = model.traits().n_embd;
  bool changed = false;
  for (const LayerBlock& block : layer_blocks(static_cast<int>(model.traits().n_layer), pruned)) {
    changed |= block.n_layers() > 1;
    if (!changed) continue;  // as it was
    const auto g = static_cast<std::uint64_t>(block.n_layers());
    const bool pools = options.pool_units && g > 1;
    const std::uint64_t inputs = options.fit_inputs || pools ? 2 * g : 0;
    for (const TensorRole output : {TensorRole::kAttnOutput, TensorRole::kFfnDown}) {
      const std::uint64_t n = model.weights().get(output, block.slot).cols;
      // Streams of both models, before and behind, and in the middle; what enters the halves; and
      // what enters the output, at a gap of each layer.
      const std::uint64_t width = (5 + inputs) * n_embd + (pools ? g + 1 : 1) * n;
      most.tokens = std::max(most.tokens, kFloat * n_items * width);
      most.matrices = std::max(most.matrices, fit_bytes(n, n_embd, pools ? g : 1));
    }
  }
  return most;
}

}  // namespace lathe
