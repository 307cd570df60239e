#include "runtime/forward/run_order.h"

#include <algorithm>

#include "runtime/forward/weight_stream.h"

namespace lathe {
namespace {

constexpr std::uint64_t kReserve = std::uint64_t{96} << 20;  // for all that is not counted
constexpr std::uint64_t kMostHiddenBytes = std::uint64_t{8} << 30;

std::uint64_t cache_bytes(const ModelTraits& t, const RunOptions& o) {
  return t.n_layer * t.n_head_kv * o.n_cells *
         (row_bytes(o.k_format, t.head_dim) + row_bytes(o.v_format, t.head_dim));
}

}  // namespace

RunMemory run_memory(std::span<const RunModel> models, const KernelTable& kernels, int n_threads,
                     const RunOptions& options) {
  RunMemory memory;
  for (const RunModel& m : models) {
    const ModelTraits& traits = m.model.traits();
    const WeightStream stream(m.weights(), m.files);
    const int n_layer = static_cast<int>(traits.n_layer);
    for (int layer = 0; layer < n_layer; ++layer) {
      memory.layers = std::max<std::uint64_t>(memory.layers, 2 * stream.bytes(layer));
    }
    memory.weights += traits.weight_bytes;
    memory.heads += stream.bytes(n_layer);
    memory.logits += options.max_logits * traits.n_vocab * sizeof(float);
    memory.scratch += cache_bytes(traits, options) +
                      m.model.scratch_bytes(kernels, n_threads, options.n_batch, options.n_cells);
  }
  return memory;
}

bool fits_in_memory(const RunMemory& memory, std::uint64_t available) noexcept {
  return memory.weights + memory.logits + memory.scratch + kReserve <= available;
}

void run_by_layer(const RunMemory& memory, std::uint64_t available, std::uint64_t disk,
                  RunOptions& options) noexcept {
  const std::uint64_t at_work =
      std::max(memory.layers, memory.heads + memory.logits) + memory.scratch + kReserve;
  const std::uint64_t left = available > at_work ? available - at_work : 0;
  options.order = RunOrder::kByLayer;
  options.hidden_bytes =
      options.spill_folder.empty() ? std::min(left / 4 * 3, kMostHiddenBytes) : disk / 4 * 3;
  options.drop_weights = !fits_in_memory(memory, available);
}

}  // namespace lathe
