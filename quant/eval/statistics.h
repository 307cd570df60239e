// Means with their standard errors, as the tools of this field define them.
#pragma once

#include <cstddef>
#include <span>

namespace lathe {

struct Estimate {
  double value = 0.0;
  double error = 0.0;  // one standard error
};

// The quantile of a normal distribution for two-sided 95 %.
inline constexpr double kZ95 = 1.95996398454;

struct Interval {
  double low = 0.0, high = 0.0;

  bool contains(double x) const noexcept { return low <= x && x <= high; }
};

// Sums of a quantity over tokens.
class Moments {
 public:
  Moments() = default;
  Moments(double sum, double sum2, std::size_t n) noexcept : sum_(sum), sum2_(sum2), n_(n) {}

  void add(double x) noexcept {
    sum_ += x;
    sum2_ += x * x;
    ++n_;
  }
  std::size_t n() const noexcept { return n_; }
  double sum() const noexcept { return sum_; }
  double sum2() const noexcept { return sum2_; }
  double mean() const noexcept;
  // sqrt((mean of squares - square of the mean) / (n - 1)); 0 for fewer than `min_n` values.
  double error(std::size_t min_n = 2) const noexcept;

 private:
  double sum_ = 0.0, sum2_ = 0.0;
  std::size_t n_ = 0;
};

// exp(mean) with its error, for negative log-likelihoods.
Estimate perplexity_of(const Moments& nll, std::size_t min_n = 2) noexcept;

// Value at fraction f of a sorted sample, linear between neighbours; 0 when it is empty.
double percentile(std::span<const double> sorted, double f) noexcept;

}  // namespace lathe
