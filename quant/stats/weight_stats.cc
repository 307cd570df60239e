#include "quant/stats/weight_stats.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "quant/plan/plan.h"
#include "runtime/base/error.h"
#include "runtime/decode_rows.h"

namespace lathe {
namespace {

// The sum over groups of rows, in their order, of what of(values, n) gives for each.
template <class Sums, class Of>
Sums sum_over(const TensorSource& model, const TensorInfo& tensor, RowDecoder& decoder, Of of) {
  std::vector<Sums> parts(row_groups(tensor.rows(), tensor.cols()));
  decoder.for_groups(model, tensor, [&](const RowGroup& group) noexcept {
    parts[group.index] = of(group.values.row(0), group.values.rows * group.values.cols);
  });
  Sums sums{};
  for (const Sums& part : parts) sums += part;
  return sums;
}

struct Moments {
  double sum = 0, squares = 0;
  Moments& operator+=(const Moments& other) {
    sum += other.sum;
    squares += other.squares;
    return *this;
  }
};

Moments moments_of(const float* values, std::size_t n) noexcept {
  Moments m;
  for (std::size_t i = 0; i < n; ++i) {
    const double v = values[i];
    m.sum += v;
    m.squares += v * v;
  }
  return m;
}

std::uint64_t count_above(const float* values, std::size_t n, double limit) noexcept {
  std::uint64_t count = 0;
  for (std::size_t i = 0; i < n; ++i) count += values[i] > limit ? 1 : 0;
  return count;
}

}  // namespace

std::vector<WeightStats> weight_stats(const TensorSource& model, const KernelTable& kernels,
                                      ThreadPool& pool, const StatsProgress& progress) {
  std::map<int, std::vector<const TensorInfo*>> layers;
  double total = 0.0, done = 0.0;
  for (const TensorInfo& tensor : model.tensors()) {
    const int layer = layer_of_tensor(tensor.name);
    if (layer < 0 || !is_quantizable(tensor)) continue;
    layers[layer].push_back(&tensor);
    total += 2.0 * static_cast<double>(tensor.n_elements());
  }
  const auto report = [&](const TensorInfo& tensor) {
    done += static_cast<double>(tensor.n_elements());
    if (progress && !progress(done / total)) throw failed("stopped");
  };
  RowDecoder decoder(kernels, pool);
  std::vector<WeightStats> out;
  for (const auto& [layer, tensors] : layers) {
    WeightStats stats;
    stats.layer = layer;
    Moments moments;
    for (const TensorInfo* tensor : tensors) {
      moments += sum_over<Moments>(model, *tensor, decoder, moments_of);
      if (!std::isfinite(moments.squares)) throw failed(tensor->name + ": not finite");
      stats.n += tensor->n_elements();
      report(*tensor);
    }
    const double n = static_cast<double>(stats.n);
    stats.mean = moments.sum / n;
    stats.deviation = std::sqrt(std::max(0.0, moments.squares / n - stats.mean * stats.mean));
    std::uint64_t above = 0;
    for (const TensorInfo* tensor : tensors) {
      const double limit = stats.mean + stats.deviation;
      above += sum_over<std::uint64_t>(model, *tensor, decoder,
                                       [limit](const float* values, std::size_t count) {
                                         return count_above(values, count, limit);
                                       });
      report(*tensor);
    }
    stats.zd = stats.deviation > 0.0 ? static_cast<double>(above) / n : 0.0;
    out.push_back(stats);
  }
  return out;
}

}  // namespace lathe
