// One choice for each item so that the bytes stay within a limit and the costs are as low as they
// can be: the multiple-choice knapsack problem.
//
// Exactly, by dynamic programming over multiples of the greatest common divisor of all sizes (rows
// of blocks have large ones, also in large models); where that would be too much work, by bisection
// of a price per byte (Lagrange: Everett 1963) and greedy spending of what it leaves, with the
// bound that the best price gives.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace lathe {

struct Choice {
  std::uint64_t bytes = 0;
  double cost = 0.0;  // >= 0
};

using KnapsackItem = std::vector<Choice>;  // at least one

// Items of which either one choice each is taken, or all are left out.
struct KnapsackGroup {
  std::vector<KnapsackItem> items;
  std::optional<double> left_out;  // what leaving all out costs; it takes no bytes
};

struct Selection {
  static constexpr int kLeftOut = -1;
  std::vector<std::vector<int>> choices;  // by group and item: index in the item, or kLeftOut
  std::uint64_t bytes = 0;
  double cost = 0.0;
  double bound = 0.0;  // no selection within the limit costs less; the cost itself where exact
  bool exact = false;
};

struct KnapsackLimits {
  std::size_t max_steps = std::size_t{4} << 30;  // of dynamic programming
  std::size_t max_bytes = std::size_t{1} << 30;  // of its tables
};

// Nothing where even the smallest choices do not fit in `capacity` bytes.
std::optional<Selection> solve_knapsack(std::span<const KnapsackGroup> groups,
                                        std::uint64_t capacity, const KnapsackLimits& limits = {});

// The two ways. exact: nothing also where it is beyond the limits.
std::optional<Selection> solve_exactly(std::span<const KnapsackGroup> groups,
                                       std::uint64_t capacity, const KnapsackLimits& limits);
std::optional<Selection> solve_by_price(std::span<const KnapsackGroup> groups,
                                        std::uint64_t capacity);

// Bytes and cost of choices.
void sum_selection(std::span<const KnapsackGroup> groups, Selection& selection) noexcept;

}  // namespace lathe
