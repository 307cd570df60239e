// Which order a run takes: text by text where the weights fit in memory, layer by layer where they
// would have to be read from disk again for every batch.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/forward/forward_runner.h"

namespace lathe {

// What models need of memory, in bytes.
struct RunMemory {
  std::uint64_t weights = 0;  // all models
  std::uint64_t layers = 0;   // the largest layer twice: one at work, one being read ahead
  std::uint64_t heads = 0;    // output heads of all models
  std::uint64_t logits = 0;   // rows of logits that options.max_logits asks for
  std::uint64_t scratch = 0;  // buffers of a pass, caches
};
RunMemory run_memory(std::span<const RunModel> models, const KernelTable& kernels, int n_threads,
                     const RunOptions& options);

// Whether weights, logits and buffers fit in `available` bytes.
bool fits_in_memory(const RunMemory& memory, std::uint64_t available) noexcept;

// Sets order, hidden_bytes and drop_weights of options for layer by layer in `available` bytes: the
// hidden states get most of what is left beside the weights at work; where they are spilled, most
// of the `disk` bytes that are free in that folder.
void run_by_layer(const RunMemory& memory, std::uint64_t available, std::uint64_t disk,
                  RunOptions& options) noexcept;

}  // namespace lathe
