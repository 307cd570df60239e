// Many tests at once: with each at 5 %, twelve comparisons without any difference find one in 46 %
// of cases.
#pragma once

#include <span>
#include <vector>

namespace lathe {

// The p values of a family of tests, adjusted so that the chance of even one false alarm among
// those marked is no more than what they are compared with (step-down method: Holm, "A simple
// sequentially rejective multiple test procedure", Scandinavian Journal of Statistics 6, 1979).
// In the order of `p`; never below the raw ones, nor above 1. Tests may depend on each other.
std::vector<double> holm_adjusted(std::span<const double> p);

}  // namespace lathe
