#include "quant/costs/knapsack.h"

#include <algorithm>
#include <limits>
#include <numeric>

namespace lathe {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

// Dynamic programming: the least cost for each number of units. An item's sizes are counted from
// its smallest choice on, which all of them take.
class Exact {
 public:
  Exact(std::span<const KnapsackGroup> groups, std::uint64_t capacity)
      : groups_(groups), capacity_(capacity) {
    for (const KnapsackGroup& group : groups) {
      for (const KnapsackItem& item : group.items) {
        const std::uint64_t floor = floor_of(group, item);
        taken_ += floor;
        for (const Choice& choice : item) unit_ = std::gcd(unit_, choice.bytes - floor);
        ++n_items_;
        n_choices_ += item.size();
      }
    }
    if (unit_ == 0) unit_ = 1;  // nothing to choose
  }

  bool fits() const noexcept { return taken_ <= capacity_; }
  // Units that are worth counting: no more than all items can take.
  std::size_t n_units() const noexcept {
    std::uint64_t most = 0;
    for (const KnapsackGroup& group : groups_) {
      for (const KnapsackItem& item : group.items) {
        std::uint64_t largest = 0;
        for (const Choice& choice : item) largest = std::max(largest, choice.bytes);
        most += largest - floor_of(group, item);
      }
    }
    return static_cast<std::size_t>(std::min(capacity_ - taken_, most) / unit_);
  }
  bool within(const KnapsackLimits& limits) const noexcept {
    const double n = static_cast<double>(n_units() + 1);
    return n * static_cast<double>(n_choices_) <= static_cast<double>(limits.max_steps) &&
           n * static_cast<double>(n_items_ + groups_.size()) <=
               static_cast<double>(limits.max_bytes);
  }

  std::optional<Selection> solve() {
    const std::size_t n = n_units() + 1;
    std::vector<double> best(n, 0.0);
    for (const KnapsackGroup& group : groups_) add_group(group, best);
    if (best.back() == kNever) return std::nullopt;
    return trace(n - 1);
  }

 private:
  // What an item takes in any case.
  static std::uint64_t floor_of(const KnapsackGroup& group, const KnapsackItem& item) noexcept {
    if (group.left_out) return 0;
    std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
    for (const Choice& choice : item) least = std::min(least, choice.bytes);
    return least;
  }
  std::size_t units(const KnapsackGroup& group, const KnapsackItem& item, std::size_t c) const {
    return static_cast<std::size_t>((item[c].bytes - floor_of(group, item)) / unit_);
  }

  void add_group(const KnapsackGroup& group, std::vector<double>& best) {
    const std::vector<double> before = group.left_out ? best : std::vector<double>{};
    for (const KnapsackItem& item : group.items) add_item(group, item, best);
    std::vector<bool>& out = left_out_.emplace_back();
    if (!group.left_out) return;
    out.resize(best.size());
    for (std::size_t w = 0; w < best.size(); ++w) {
      const double without = before[w] + *group.left_out;
      if (without >= best[w]) continue;
      best[w] = without;
      out[w] = true;
    }
  }

  void add_item(const KnapsackGroup& group, const KnapsackItem& item, std::vector<double>& best) {
    std::vector<double> with(best.size(), kNever);
    std::vector<std::uint8_t>& chosen = chosen_.emplace_back(best.size());
    for (std::size_t c = 0; c < item.size(); ++c) {
      const std::size_t size = units(group, item, c);
      for (std::size_t w = size; w < best.size(); ++w) {
        const double cost = best[w - size] + item[c].cost;
        if (cost >= with[w]) continue;
        with[w] = cost;
        chosen[w] = static_cast<std::uint8_t>(c);
      }
    }
    best.swap(with);
  }

  Selection trace(std::size_t w) const {
    Selection out;
    out.choices.resize(groups_.size());
    std::size_t item_number = n_items_;
    for (std::size_t g = groups_.size(); g-- > 0;) {
      const KnapsackGroup& group = groups_[g];
      out.choices[g].assign(group.items.size(), Selection::kLeftOut);
      if (group.left_out && left_out_[g][w]) {
        item_number -= group.items.size();
        continue;
      }
      for (std::size_t i = group.items.size(); i-- > 0;) {
        const std::size_t c = chosen_[--item_number][w];
        out.choices[g][i] = static_cast<int>(c);
        w -= units(group, group.items[i], c);
      }
    }
    sum_selection(groups_, out);
    out.bound = out.cost;
    out.exact = true;
    return out;
  }

  std::span<const KnapsackGroup> groups_;
  std::uint64_t capacity_, taken_ = 0, unit_ = 0;
  std::size_t n_items_ = 0, n_choices_ = 0;
  std::vector<std::vector<std::uint8_t>> chosen_;  // by item and units
  std::vector<std::vector<bool>> left_out_;        // by group and units
};

}  // namespace

void sum_selection(std::span<const KnapsackGroup> groups, Selection& selection) noexcept {
  selection.bytes = 0;
  selection.cost = 0.0;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const std::vector<int>& chosen = selection.choices[g];
    if (!chosen.empty() && chosen.front() == Selection::kLeftOut) {
      selection.cost += groups[g].left_out.value_or(0.0);
      continue;
    }
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      const Choice& choice = groups[g].items[i][static_cast<std::size_t>(chosen[i])];
      selection.bytes += choice.bytes;
      selection.cost += choice.cost;
    }
  }
}

std::optional<Selection> solve_exactly(std::span<const KnapsackGroup> groups,
                                       std::uint64_t capacity, const KnapsackLimits& limits) {
  Exact exact(groups, capacity);
  if (!exact.fits() || !exact.within(limits)) return std::nullopt;
  return exact.solve();
}

std::optional<Selection> solve_knapsack(std::span<const KnapsackGroup> groups,
                                        std::uint64_t capacity, const KnapsackLimits& limits) {
  if (auto selection = solve_exactly(groups, capacity, limits)) return selection;
  return solve_by_price(groups, capacity);
}

}  // namespace lathe
