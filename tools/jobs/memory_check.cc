#include "tools/jobs/memory_check.h"

#include <fmt/format.h>

#include "runtime/base/error.h"

namespace lathe {

void refuse_beyond_memory(const MemoryCheck& check, MemoryNeed need) {
  if (!check.spill_folder.empty()) need.tokens = 0;
  const std::uint64_t budget = check.budget == 0 ? memory_info().total : check.budget;
  if (budget == 0 || need.tokens + need.matrices < budget) return;
  const auto gb = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1e9; };
  throw usage_error(fmt::format(
      "{} takes {:.3g} GB of memory for the matrices of a layer and {:.3g} GB for its tokens, of "
      "{:.3g} GB there are: {}",
      check.work, gb(need.matrices), gb(need.tokens), gb(budget),
      need.matrices < budget ? fmt::format("keep the tokens in files (--spill DIR), or take fewer "
                                           "({})",
                                           check.fewer_words)
                             : "a machine with more is needed"));
}

}  // namespace lathe
