// Instruction-set tiers: which exist in this build, which the CPU supports, and the table of the
// one that is used.
//
// Each tier's objects export only fill_* functions, which override entries of a table; everything
// else in them has internal linkage, so that no inline function compiled for a newer instruction
// set can be picked by the linker for code that runs on an older CPU.
#pragma once

#include <cstddef>
#include <string_view>

#include "kernels/kernel_table.h"

namespace lathe {

struct TierInfo {
  std::string_view name;         // "scalar", "avx2", "avx512", "avx512bf16", "neon", ...
  bool (*supported)() noexcept;  // by this CPU and operating system
  void (*fill)(KernelTable& table) noexcept;
};

// In order: each tier overrides the ones before it.
std::size_t tier_count() noexcept;
const TierInfo& tier(std::size_t i) noexcept;

// Fills *table for the best supported tier, or up to and including the tier called `isa` (empty:
// best). False, and *table untouched, when `isa` is unknown or this CPU lacks it.
bool select_kernels(std::string_view isa, KernelTable* table) noexcept;

}  // namespace lathe
