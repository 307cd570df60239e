// The knapsack by a price per byte: every item takes what is cheapest at that price.
#include <algorithm>
#include <cmath>
#include <limits>

#include "quant/costs/knapsack.h"

namespace lathe {
namespace {

constexpr int kBisections = 200;

double price_of(const Choice& choice, double price) noexcept {
  return choice.cost + price * static_cast<double>(choice.bytes);
}

int cheapest(const KnapsackItem& item, double price) noexcept {
  const auto found =
      std::min_element(item.begin(), item.end(), [&](const Choice& a, const Choice& b) {
        const double x = price_of(a, price), y = price_of(b, price);
        return x < y || (x == y && a.bytes < b.bytes);
      });
  return static_cast<int>(found - item.begin());
}

// What is best at a price, and the sum of its costs and prices.
Selection at_price(std::span<const KnapsackGroup> groups, double price, double* value) {
  Selection out;
  *value = 0.0;
  for (const KnapsackGroup& group : groups) {
    std::vector<int>& chosen = out.choices.emplace_back();
    double sum = 0.0;
    for (const KnapsackItem& item : group.items) {
      chosen.push_back(cheapest(item, price));
      sum += price_of(item[static_cast<std::size_t>(chosen.back())], price);
    }
    if (group.left_out && *group.left_out < sum) {
      std::fill(chosen.begin(), chosen.end(), Selection::kLeftOut);
      sum = *group.left_out;
    }
    *value += sum;
  }
  sum_selection(groups, out);
  return out;
}

// The exchange of one item's choice that saves most for its bytes, within `spare`; false: none.
bool spend(std::span<const KnapsackGroup> groups, std::uint64_t spare, Selection& selection) {
  double best = 0.0;
  int* at = nullptr;
  int to = 0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (std::size_t i = 0; i < groups[g].items.size(); ++i) {
      int& chosen = selection.choices[g][i];
      if (chosen == Selection::kLeftOut) continue;
      const KnapsackItem& item = groups[g].items[i];
      const Choice& now = item[static_cast<std::size_t>(chosen)];
      for (std::size_t c = 0; c < item.size(); ++c) {
        if (item[c].cost >= now.cost || item[c].bytes > now.bytes + spare) continue;
        const double bytes = item[c].bytes > now.bytes
                                 ? static_cast<double>(item[c].bytes - now.bytes)
                                 : 1e-9;  // cheaper and no larger
        const double rate = (now.cost - item[c].cost) / bytes;
        if (rate <= best) continue;
        best = rate;
        at = &chosen;
        to = static_cast<int>(c);
      }
    }
  }
  if (at == nullptr) return false;
  *at = to;
  sum_selection(groups, selection);
  return true;
}

double highest_price(std::span<const KnapsackGroup> groups) {
  double most = 0.0;
  for (const KnapsackGroup& group : groups) {
    most += group.left_out.value_or(0.0);
    for (const KnapsackItem& item : group.items) {
      double largest = 0.0;
      for (const Choice& choice : item) largest = std::max(largest, choice.cost);
      most += largest;
    }
  }
  return most + 1.0;  // a byte is worth more than all costs together
}

}  // namespace

std::optional<Selection> solve_by_price(std::span<const KnapsackGroup> groups,
                                        std::uint64_t capacity) {
  double value = 0.0, low = 0.0, high = highest_price(groups), bound = 0.0;
  Selection best = at_price(groups, high, &value);
  if (best.bytes > capacity) return std::nullopt;
  const auto note = [&](double price) {
    bound = std::max(bound, value - price * static_cast<double>(capacity));
  };
  note(high);
  Selection free = at_price(groups, 0.0, &value);
  note(0.0);
  if (free.bytes <= capacity) best = free;
  for (int i = 0; i < kBisections && free.bytes > capacity; ++i) {
    // Prices span many orders of magnitude: the middle is one of logarithms.
    const double price = low > 0.0 ? std::sqrt(low * high) : high * 1e-3;
    if (!(price > 0.0) || price == low || price == high) break;
    Selection middle = at_price(groups, price, &value);
    note(price);
    if (middle.bytes > capacity) {
      low = price;
    } else {
      high = price;
      best = std::move(middle);
    }
  }
  while (spend(groups, capacity - best.bytes, best)) {
  }
  best.bound = std::min(bound, best.cost);
  best.exact = best.bound >= best.cost;
  return best;
}

}  // namespace lathe
