// Student's t distribution (Student, "The probable error of a mean", Biometrika 6, 1908).
#pragma once

#include <cstddef>

namespace lathe {

// P(T <= t) with `dof` >= 1 degrees of freedom: the finite sums for whole degrees of freedom
// (Abramowitz & Stegun 1964, 26.7.3 and 26.7.4).
double student_cdf(double t, std::size_t dof) noexcept;

// The t with P(T <= t) = p, for 0 < p < 1; to 1e-12 of its size.
double student_quantile(double p, std::size_t dof) noexcept;

}  // namespace lathe
