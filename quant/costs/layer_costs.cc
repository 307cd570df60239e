#include "quant/costs/layer_costs.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "quant/eval/divergence.h"
#include "quant/eval/divergence_chunks.h"

namespace lathe {

std::vector<double> measure_layer_costs(const RunModel& model, const TextChunks& text,
                                        const OpenRunner& open_runner, const KernelTable& kernels,
                                        ThreadPool& pool, const CostProgress& progress) {
  const auto n_layer = static_cast<int>(model.model.traits().n_layer);
  std::vector<double> costs;
  for (int layer = 0; layer < n_layer; ++layer) {
    RunModel without = model;
    without.skipped_layers = {layer};
    const auto runner = open_runner({model, without});
    ChunkRecords records;
    measure_divergence({*runner, kernels, pool}, text, records,
                       [&](const ChunkRecords&, double fraction, std::string_view) {
                         return !progress || progress((layer + fraction) / n_layer,
                                                      fmt::format("without layer {}", layer));
                       });
    const std::vector<double> klds = divergence_chunks(records, 0, 1).kld;
    const double sum = std::accumulate(klds.begin(), klds.end(), 0.0);
    costs.push_back(std::max(0.0, sum / static_cast<double>(klds.size())));
  }
  return costs;
}

}  // namespace lathe
