// The cases that kernel tests and benches share: all formats, the tiers that this CPU runs, the
// lengths of rows.
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

// What a KV cache may hold.
inline constexpr Format kCacheFormats[] = {Format::F32,  Format::F16,  Format::BF16,
                                           Format::Q8_0, Format::Q5_1, Format::Q5_0,
                                           Format::Q4_1, Format::Q4_0, Format::IQ4_NL};

inline bool is_integer_format(Format f) { return format_info(f).group != 0; }

// Columns per row that exercise tails: few and many blocks, odd numbers of them; any length for the
// float formats.
inline std::vector<std::size_t> column_cases(Format f) {
  if (!is_integer_format(f)) return {1, 2, 7, 15, 16, 17, 31, 33, 64, 100, 255, 513};
  const std::size_t block = format_info(f).block_elems;
  if (block == 256) return {256, 512, 768, 1280};
  return {block, 2 * block, 3 * block, 5 * block, 256, 384 / block * block, 1280 + block};
}

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
