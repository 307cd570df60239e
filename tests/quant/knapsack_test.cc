// The knapsack of measured plans against all selections there are.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "quant/costs/knapsack.h"

namespace lathe {
namespace {

// The least cost within the capacity, by trying everything.
double brute_force(std::span<const KnapsackGroup> groups, std::uint64_t capacity) {
  struct Search {
    std::span<const KnapsackGroup> groups;
    std::uint64_t capacity;
    double best = std::numeric_limits<double>::infinity();

    void items(std::size_t g, std::size_t i, std::uint64_t bytes, double cost) {
      if (bytes > capacity || cost >= best) return;
      if (g == groups.size()) {
        best = cost;
        return;
      }
      if (i == groups[g].items.size()) return items(g + 1, 0, bytes, cost);
      if (i == 0 && groups[g].left_out) items(g + 1, 0, bytes, cost + *groups[g].left_out);
      for (const Choice& choice : groups[g].items[i]) {
        items(g, i + 1, bytes + choice.bytes, cost + choice.cost);
      }
    }
  } search{groups, capacity};
  search.items(0, 0, 0, 0.0);
  return search.best;
}

std::vector<KnapsackGroup> random_groups(std::mt19937& random, bool may_leave_out) {
  std::uniform_real_distribution<double> cost(0.0, 1.0);
  std::vector<KnapsackGroup> groups(1 + random() % 3);
  for (KnapsackGroup& group : groups) {
    group.items.resize(1 + random() % 3);
    for (KnapsackItem& item : group.items) {
      item.resize(1 + random() % 4);
      for (Choice& choice : item) choice = {32 * (1 + random() % 20), cost(random)};
    }
    if (may_leave_out && random() % 2 == 0) group.left_out = 2.0 * cost(random);
  }
  return groups;
}

void expect_consistent(std::span<const KnapsackGroup> groups, const Selection& selection,
                       std::uint64_t capacity) {
  Selection again = selection;
  sum_selection(groups, again);
  EXPECT_EQ(again.bytes, selection.bytes);
  EXPECT_DOUBLE_EQ(again.cost, selection.cost);
  EXPECT_LE(selection.bytes, capacity);
}

TEST(Knapsack, IsThatOfAllSelections) {
  std::mt19937 random(1);
  for (int trial = 0; trial < 600; ++trial) {
    const auto groups = random_groups(random, trial % 2 == 1);
    const std::uint64_t capacity = 32 * (random() % 120);
    const double best = brute_force(groups, capacity);
    const auto exact = solve_exactly(groups, capacity, {});
    const auto priced = solve_by_price(groups, capacity);
    SCOPED_TRACE(trial);
    if (best == std::numeric_limits<double>::infinity()) {
      EXPECT_FALSE(exact);
      EXPECT_FALSE(priced);
      continue;
    }
    ASSERT_TRUE(exact);
    expect_consistent(groups, *exact, capacity);
    EXPECT_NEAR(exact->cost, best, 1e-12);
    EXPECT_TRUE(exact->exact);
    // By price: something within the limit, and a bound that holds. Where layers may be left out it
    // may find nothing better than the smallest.
    ASSERT_TRUE(priced);
    expect_consistent(groups, *priced, capacity);
    EXPECT_GE(priced->cost, best - 1e-12);
    EXPECT_LE(priced->bound, best + 1e-9);
  }
}

// Convex choices, as formats are, and many items: what the price leaves is little.
TEST(Knapsack, ByPriceIsCloseWhereItemsAreMany) {
  std::mt19937 random(3);
  std::uniform_real_distribution<double> scale(0.1, 10.0);
  std::vector<KnapsackGroup> groups(120);
  std::uint64_t most = 0, least = 0;
  for (KnapsackGroup& group : groups) {
    const double s = scale(random);
    const std::uint64_t rows = 1 + random() % 64;
    KnapsackItem& item = group.items.emplace_back();
    for (const std::uint64_t bits : {2, 3, 4, 5, 6, 8}) {
      item.push_back({rows * 32 * bits, s * std::pow(4.0, -static_cast<double>(bits))});
    }
    least += item.front().bytes;
    most += item.back().bytes;
  }
  for (const double share : {0.05, 0.2, 0.5, 0.9}) {
    const auto capacity =
        least + static_cast<std::uint64_t>(share * static_cast<double>(most - least));
    const auto exact = solve_exactly(groups, capacity, {});
    const auto priced = solve_by_price(groups, capacity);
    ASSERT_TRUE(exact && priced);
    EXPECT_LE(priced->bound, exact->cost + 1e-12);
    EXPECT_LT(priced->cost, 1.02 * exact->cost);
    EXPECT_GT(priced->bound, 0.98 * exact->cost);
  }
}

TEST(Knapsack, BeyondItsLimitsItGoesByPrice) {
  std::mt19937 random(7);
  const auto groups = random_groups(random, false);
  EXPECT_FALSE(solve_exactly(groups, 1 << 20, {.max_steps = 0}));
  EXPECT_FALSE(solve_exactly(groups, 1 << 20, {.max_bytes = 0}));
  const auto selection = solve_knapsack(groups, 1 << 20, {.max_steps = 0});
  ASSERT_TRUE(selection);  // with room for all: each item's cheapest choice
  EXPECT_NEAR(selection->cost, brute_force(groups, 1 << 20), 1e-12);
}

}  // namespace
}  // namespace lathe
