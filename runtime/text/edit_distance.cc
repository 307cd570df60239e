#include "runtime/text/edit_distance.h"

#include <algorithm>
#include <vector>

namespace lathe {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  const std::size_t cols = b.size() + 1;
  std::vector<std::size_t> d((a.size() + 1) * cols);
  for (std::size_t j = 0; j < cols; ++j) d[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t* const row = d.data() + i * cols;
    const std::size_t* const above = row - cols;
    row[0] = i;
    for (std::size_t j = 1; j < cols; ++j) {
      const std::size_t change = a[i - 1] == b[j - 1] ? 0 : 1;
      row[j] = std::min({above[j] + 1, row[j - 1] + 1, above[j - 1] + change});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) row[j] = std::min(row[j], d[(i - 2) * cols + j - 2] + 1);
    }
  }
  return d.back();
}

}  // namespace lathe
