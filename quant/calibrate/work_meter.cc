#include "quant/calibrate/work_meter.h"

#include <algorithm>
#include <utility>

#include "runtime/base/error.h"

namespace lathe {
namespace {

// Of products in int8 beside float32, as tokens go through quantized weights.
constexpr double kQuantized = 0.3;
// Of products in bfloat16, with all that is done to prepare them.
constexpr double kBf16 = 0.6;

struct Size {
  double rows = 0.0, cols = 0.0;
};

// All matrices of a group as one.
Size size_of(const WeightSet& weights, const InputGroup& group, int layer) noexcept {
  Size size;
  for (const TensorRole role : group.roles) {
    const WeightView& view = weights.get(role, layer);
    if (!view) continue;
    size.rows += static_cast<double>(view.rows);
    size.cols = static_cast<double>(view.cols);
  }
  return size;
}

}  // namespace

WorkMeter::WorkMeter(const WeightSet& weights, std::span<const int> skipped, std::size_t n_items,
                     int sweeps, Report report)
    : weights_(weights),
      n_items_(static_cast<double>(n_items)),
      sweeps_(sweeps),
      report_(std::move(report)) {
  for (int layer = 0; layer < static_cast<int>(weights.n_layer()); ++layer) {
    if (std::find(skipped.begin(), skipped.end(), layer) != skipped.end()) continue;
    total_ += source_pass(layer) + new_pass(layer) + calibration(layer);
  }
  if (weights.get(TensorRole::kOutput, -1)) {
    total_ += moments(head_group(), -1) + rounding(head_group(), -1);
  }
}

double WorkMeter::layer_weights(int layer) const noexcept {
  double n = 0.0;
  for (const InputGroup& group : layer_groups(weights_, layer)) {
    const Size size = size_of(weights_, group, layer);
    n += size.rows * size.cols;
  }
  return n;
}

double WorkMeter::source_pass(int layer) const noexcept { return n_items_ * layer_weights(layer); }
double WorkMeter::new_pass(int layer) const noexcept { return kQuantized * source_pass(layer); }

double WorkMeter::moments(const InputGroup& group, int layer) const noexcept {
  const Size size = size_of(weights_, group, layer);
  const double paths = group.adds_to_stream ? 2.0 * size.rows * size.cols : size.cols * size.cols;
  return kBf16 * n_items_ * (0.5 * size.cols * size.cols + paths);
}

double WorkMeter::rounding(const InputGroup& group, int layer) const noexcept {
  const Size size = size_of(weights_, group, layer);
  return size.cols * size.cols * ((sweeps_ + 2.5) * size.rows + 0.5 * size.cols);
}

double WorkMeter::calibration(int layer) const noexcept {
  double cost = 0.0;
  for (const InputGroup& group : layer_groups(weights_, layer)) {
    cost += moments(group, layer) + rounding(group, layer);
  }
  return cost;
}

void WorkMeter::begin(double cost) noexcept {
  done_ += step_;
  step_ = cost;
}

bool WorkMeter::at(double fraction, std::string_view step) {
  if (!report_) return true;
  const double done = total_ > 0.0 ? (done_ + fraction * step_) / total_ : 1.0;
  return report_(std::min(done, 1.0), step);
}

void WorkMeter::check(double fraction, std::string_view step) {
  if (!at(fraction, step)) throw failed("stopped");
}

}  // namespace lathe
