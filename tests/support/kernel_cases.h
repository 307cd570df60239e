// The cases that kernel tests and benches share: all formats, the tiers that this CPU runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/kernel_table.h"
#include "kernels/tiers.h"

namespace lathe::test {

inline constexpr Format kAllFormats[] = {
#define LATHE_FORMAT(id, ...) Format::id,
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
};

// As the golden files spell them: the enumerators' names.
inline constexpr std::string_view kFormatIds[] = {
#define LATHE_FORMAT(id, ...) #id,
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
};

inline bool is_integer_format(Format f) { return format_info(f).group != 0; }

// Names of the tiers of this build that the CPU supports, scalar first.
inline std::vector<std::string> supported_tiers() {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < tier_count(); ++i) {
    if (tier(i).supported()) names.emplace_back(tier(i).name);
  }
  return names;
}

// The table of one tier, complete up to it.
inline KernelTable kernels_of(const std::string& tier_name) {
  KernelTable table;
  select_kernels(tier_name, &table);
  return table;
}

}  // namespace lathe::test
