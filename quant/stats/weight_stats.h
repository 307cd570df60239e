// ZD of the weights (Dumitru et al., arXiv 2406.17415): the share of a layer's weights that lie
// more than one standard deviation above their mean. Fewer is more important, says the paper. Not
// to be confused with the column of the same name in activation_stats.h.
#pragma once

#include <functional>
#include <vector>

#include "kernels/kernel_table.h"
#include "runtime/machine/thread_pool.h"
#include "runtime/tensor_source.h"

namespace lathe {

struct WeightStats {
  int layer = 0;
  std::uint64_t n = 0;  // weights of all the layer's matrices
  double mean = 0, deviation = 0, zd = 0;
};

// Called with the share of the work that is done; false stops.
using StatsProgress = std::function<bool(double fraction)>;

// One entry for each layer of the model, in order. The weights are decoded twice, in pieces: memory
// does not depend on the size of the model, results do not depend on threads. Error (kFailed) when
// stopped, and for weights that are not finite, naming the tensor.
std::vector<WeightStats> weight_stats(const TensorSource& model, const KernelTable& kernels,
                                      ThreadPool& pool, const StatsProgress& progress = {});

}  // namespace lathe
