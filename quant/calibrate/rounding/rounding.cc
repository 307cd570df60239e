#include "quant/calibrate/rounding/rounding.h"

#include <algorithm>
#include <vector>

#include "kernels/tiers.h"
#include "quant/calibrate/rounding/row_chunk.h"
#include "runtime/algebra/bf16_products.h"
#include "runtime/algebra/blas.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

KernelTable kernels_of(std::string_view tier) {
  KernelTable table;
  if (!select_kernels(tier, &table)) throw usage_error("no such instruction set on this CPU");
  return table;
}

// What chunk after chunk came to, in their order: the sums do not depend on who did them.
RoundingErrors total_of(const std::vector<RoundingErrors>& chunks) {
  RoundingErrors total;
  for (const RoundingErrors& chunk : chunks) {
    total.nearest += chunk.nearest;
    total.calibrated += chunk.calibrated;
    total.energy += chunk.energy;
    if (!total.bad_row) total.bad_row = chunk.bad_row;
  }
  return total;
}

}  // namespace

bool can_round_calibrated(Format format) noexcept { return has_row_codes(format); }

RoundingErrors round_calibrated(Format format, MatrixView<const float> target,
                                MatrixView<const float> h, const RoundingFactor& factor,
                                std::string_view tier, ThreadPool& pool, std::uint8_t* blocks,
                                const RoundingOptions& options) {
  openblas_set_num_threads(1);  // the pool's threads call it side by side
  const KernelTable kernels = kernels_of(tier);
  const std::size_t n = h.rows;
  Bf16Matrix moment(kernels, Bf16Matrix::Side::kLeft, n, n);
  Bf16Matrix feedback(kernels, Bf16Matrix::Side::kLeft, n, n);
  moment.load(pool, h);
  feedback.load_transposed(pool, factor.part(0, n, 0, n));
  const RowChunk::Metric metric{h, factor, moment, feedback};
  std::vector<RowChunk> workers;
  workers.reserve(static_cast<std::size_t>(pool.size()));
  for (int i = 0; i < pool.size(); ++i) {
    workers.emplace_back(format, metric, options, tier, kernels);
  }
  const std::size_t stride = row_bytes(format, target.cols);
  const std::size_t n_chunks = (target.rows + kRoundingLanes - 1) / kRoundingLanes;
  std::vector<RoundingErrors> errors(n_chunks);
  pool.for_each(n_chunks, [&](std::size_t c, int thread) noexcept {
    const std::size_t first = c * kRoundingLanes;
    const MatrixView<const float> rows =
        target.slice(first, std::min(kRoundingLanes, target.rows - first));
    const bool compared = options.compare_every > 0 && c % options.compare_every == 0;
    const auto bad = workers[static_cast<std::size_t>(thread)].round(
        rows, blocks + first * stride, compared ? &errors[c] : nullptr);
    if (bad) errors[c].bad_row = first + *bad;
  });
  return total_of(errors);
}

}  // namespace lathe
