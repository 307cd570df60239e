// The share of a calibration that is done, for progress and its ETA: steps by their arithmetic.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "quant/calibrate/input_group.h"
#include "runtime/weight_set.h"

namespace lathe {

class WorkMeter {
 public:
  using Report = std::function<bool(double fraction, std::string_view step)>;

  // For n_items tokens through the layers that are not skipped.
  WorkMeter(const WeightSet& weights, std::span<const int> skipped, std::size_t n_items, int sweeps,
            Report report);

  // What the source's weights, the new ones, and each group of a layer take.
  double source_pass(int layer) const noexcept;
  double new_pass(int layer) const noexcept;
  double moments(const InputGroup& group, int layer) const noexcept;
  double rounding(const InputGroup& group, int layer) const noexcept;
  double calibration(int layer) const noexcept;  // all but the two passes

  // The next step begins, and the one before is done.
  void begin(double cost) noexcept;
  // Work that turned out not to be needed.
  void leave_out(double cost) noexcept { total_ -= cost; }
  // The present step is done to that share. False when the work should stop.
  bool at(double fraction, std::string_view step);
  // The same; Error (kFailed) when it should.
  void check(double fraction, std::string_view step);

 private:
  double layer_weights(int layer) const noexcept;

  const WeightSet& weights_;
  double n_items_, sweeps_;
  Report report_;
  double total_ = 0.0, done_ = 0.0, step_ = 0.0;
};

}  // namespace lathe
