#include "quant/eval/tasks/select.h"

#include <algorithm>
#include <numeric>
#include <random>

namespace lathe {
namespace {

using Indices = std::vector<std::size_t>;

constexpr std::size_t kHellaSwagTasks = 400;

Indices first_indices(std::size_t n) {
  Indices all(n);
  std::iota(all.begin(), all.end(), std::size_t{0});
  return all;
}

// Uniform in 0 .. n-1 as libstdc++'s uniform_int_distribution draws it from 32 random bits, for any
// standard library (Lemire: Fast random integer generation in an interval, 2019).
std::uint32_t uniform_below(std::uint32_t n, std::mt19937& random) {
  const auto draw = [&] { return static_cast<std::uint64_t>(random()) * n; };
  std::uint64_t product = draw();
  if (static_cast<std::uint32_t>(product) < n) {
    const std::uint32_t threshold = (0U - n) % n;
    while (static_cast<std::uint32_t>(product) < threshold) product = draw();
  }
  return static_cast<std::uint32_t>(product >> 32);
}

// HellaSwag: each drawn task is erased; the draw is made when all are wanted too.
Indices draw_erasing(std::size_t n, std::size_t n_wanted, std::uint32_t seed) {
  std::mt19937 random(seed);
  Indices left = first_indices(n), drawn;
  while (drawn.size() < n_wanted) {
    const auto at = uniform_below(static_cast<std::uint32_t>(left.size()), random);
    const auto it = left.begin() + static_cast<std::ptrdiff_t>(at);
    drawn.push_back(*it);
    left.erase(it);
  }
  return drawn;
}

// The others: in single precision, and the last task takes the place of the drawn one.
Indices draw_swapping(std::size_t n, std::size_t n_wanted, std::uint32_t seed) {
  std::mt19937 random(seed);
  const float scale = 1.0f / (1.0f + static_cast<float>(std::mt19937::max()));
  Indices left = first_indices(n), drawn;
  while (drawn.size() < n_wanted) {
    const float share = scale * static_cast<float>(random());  // may round up to 1
    const auto at = static_cast<std::size_t>(share * static_cast<float>(left.size()));
    std::size_t& taken = left[std::min(at, left.size() - 1)];
    drawn.push_back(taken);
    taken = left.back();
    left.pop_back();
  }
  return drawn;
}

}  // namespace

std::size_t default_n_tasks(TaskKind kind) noexcept {
  return kind == TaskKind::kHellaSwag ? kHellaSwagTasks : 0;
}

std::vector<std::size_t> select_tasks(TaskKind kind, std::size_t n_available,
                                      const TaskSelection& selection) {
  const std::size_t n_wanted = selection.n_tasks == 0 ? n_available : selection.n_tasks;
  if (kind == TaskKind::kHellaSwag) {
    return draw_erasing(n_available, std::min(n_wanted, n_available), selection.seed);
  }
  const bool last_is_unread = kind == TaskKind::kWinoGrande && n_available > 0;
  const std::size_t n_pool = n_available - (last_is_unread ? 1 : 0);
  if (n_wanted < n_pool) return draw_swapping(n_pool, n_wanted, selection.seed);
  return first_indices(selection.compat ? n_pool : std::min(n_wanted, n_available));
}

}  // namespace lathe
