#include "quant/stats/weight_stats.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "quant/plan/plan.h"
#include "runtime/base/error.h"

namespace lathe {
namespace {

constexpr std::size_t kGroupElements = 64U << 10;  // of one thread at a time

class Pass {
 public:
  Pass(const GgufFile& model, const KernelTable& kernels, ThreadPool& pool)
      : model_(model), kernels_(kernels), pool_(pool) {}

  // The sum over groups of rows, in their order, of what of(values, n) gives for each.
  template <class Sums, class Of>
  Sums over(const TensorInfo& tensor, Of of) {
    const std::size_t cols = tensor.cols(), stride = row_bytes(tensor.format, cols);
    const std::size_t group = std::max<std::size_t>(1, kGroupElements / cols);
    const std::size_t n_groups = (tensor.rows() + group - 1) / group;
    const std::uint8_t* data = model_.data(tensor).data();
    const DecodeFn decode = kernels_.decode[index_of(tensor.format)];
    scratch_.resize(static_cast<std::size_t>(pool_.size()) * group * cols);
    std::vector<Sums> parts(n_groups);
    pool_.for_each(n_groups, [&](std::size_t g, int thread) noexcept {
      const std::size_t first = g * group;
      const std::size_t n = std::min<std::size_t>(group, tensor.rows() - first) * cols;
      float* values = scratch_.data() + static_cast<std::size_t>(thread) * group * cols;
      decode(data + first * stride, n, values);
      parts[g] = of(values, n);
    });
    Sums sums{};
    for (const Sums& part : parts) sums += part;
    return sums;
  }

 private:
  const GgufFile& model_;
  const KernelTable& kernels_;
  ThreadPool& pool_;
  std::vector<float> scratch_;
};

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

std::vector<WeightStats> weight_stats(const GgufFile& model, const KernelTable& kernels,
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
  Pass pass(model, kernels, pool);
  std::vector<WeightStats> out;
  for (const auto& [layer, tensors] : layers) {
    WeightStats stats;
    stats.layer = layer;
    Moments moments;
    for (const TensorInfo* tensor : tensors) {
      moments += pass.over<Moments>(*tensor, moments_of);
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
      above += pass.over<std::uint64_t>(*tensor, [limit](const float* values, std::size_t count) {
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
