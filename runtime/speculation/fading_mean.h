// A mean of what came lately, and of what was expected where nothing did.
#pragma once

#include <algorithm>

namespace lathe {

class FadingMean {
 public:
  // `most_weight`: observations that the mean reaches back over, about.
  explicit FadingMean(double most_weight) : most_weight_(most_weight) {}

  void add(double x) noexcept {
    weight_ = std::min(weight_ + 1, most_weight_);
    mean_ += (x - mean_) / weight_;
  }
  // What was seen counts less from now on.
  void fade(double factor) noexcept { weight_ *= factor; }
  // `expected` counts as one observation.
  double value(double expected) const noexcept {
    return (mean_ * weight_ + expected) / (weight_ + 1);
  }
  double weight() const noexcept { return weight_; }
  double mean() const noexcept { return mean_; }

 private:
  double most_weight_;
  double mean_ = 0, weight_ = 0;
};

}  // namespace lathe
