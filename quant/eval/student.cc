#include "quant/eval/student.h"

#include <cmath>
#include <numbers>

namespace lathe {
namespace {

// P(|T| <= t), t >= 0. With theta = atan(t / sqrt(dof)): a sum of powers of cos(theta), odd ones
// for odd degrees of freedom, each from the one before it.
double two_sided(double t, std::size_t dof) noexcept {
  const double theta = std::atan(t / std::sqrt(static_cast<double>(dof)));
  const double cosine = std::cos(theta), sine = std::sin(theta);
  const bool odd = dof % 2 == 1;
  double term = odd ? cosine : 1.0, sum = dof == 1 ? 0.0 : term;
  for (std::size_t k = odd ? 3 : 2; k + 2 <= dof; k += 2) {
    term *= cosine * cosine * static_cast<double>(k - 1) / static_cast<double>(k);
    sum += term;
  }
  return odd ? 2.0 / std::numbers::pi * (theta + sine * sum) : sine * sum;
}

}  // namespace

double student_cdf(double t, std::size_t dof) noexcept {
  const double half = two_sided(std::abs(t), dof) / 2.0;
  return t < 0.0 ? 0.5 - half : 0.5 + half;
}

double student_quantile(double p, std::size_t dof) noexcept {
  if (p < 0.5) return -student_quantile(1.0 - p, dof);
  double low = 0.0, high = 1.0;
  while (student_cdf(high, dof) < p) high *= 2.0;
  while (high - low > 1e-12 * high) {
    const double middle = low + (high - low) / 2.0;
    (student_cdf(middle, dof) < p ? low : high) = middle;
  }
  return high;
}

}  // namespace lathe
