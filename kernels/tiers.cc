#include "kernels/tiers.h"

#include "kernels/cpu_features.h"

namespace lathe {

// Defined in the tiers' folders; LATHE_TIER_<FOLDER> says which of them are in this build.
void fill_scalar(KernelTable& table) noexcept;
void fill_avx2(KernelTable& table) noexcept;
void fill_avx512(KernelTable& table) noexcept;
void fill_avx512vbmi(KernelTable& table) noexcept;
void fill_avx512bf16(KernelTable& table) noexcept;
void fill_neon(KernelTable& table) noexcept;
void fill_neon_dotprod(KernelTable& table) noexcept;
void fill_neon_i8mm(KernelTable& table) noexcept;

namespace {

bool always() noexcept { return true; }

constexpr TierInfo kTiers[] = {
    {"scalar", always, fill_scalar},
#ifdef LATHE_TIER_AVX2
    {"avx2", cpu_has_avx2, fill_avx2},
#endif
#ifdef LATHE_TIER_AVX512
    {"avx512", cpu_has_avx512, fill_avx512},
#endif
#ifdef LATHE_TIER_AVX512VBMI
    {"avx512vbmi", cpu_has_avx512vbmi, fill_avx512vbmi},
#endif
#ifdef LATHE_TIER_AVX512BF16
    {"avx512bf16", cpu_has_avx512bf16, fill_avx512bf16},
#endif
#ifdef LATHE_TIER_NEON
    {"neon", always, fill_neon},
#endif
#ifdef LATHE_TIER_NEON_DOTPROD
    {"neon_dotprod", cpu_has_dotprod, fill_neon_dotprod},
#endif
#ifdef LATHE_TIER_NEON_I8MM
    {"neon_i8mm", cpu_has_i8mm, fill_neon_i8mm},
#endif
};
constexpr std::size_t kTierCount = sizeof kTiers / sizeof kTiers[0];

// Index of the tier to use, kTierCount if `isa` is unknown.
std::size_t chosen_tier(std::string_view isa) noexcept {
  std::size_t best = 0;
  for (std::size_t i = 0; i < kTierCount; ++i) {
    if (kTiers[i].name == isa) return i;
    if (kTiers[i].supported()) best = i;
  }
  return isa.empty() ? best : kTierCount;
}

}  // namespace

std::size_t tier_count() noexcept { return kTierCount; }
const TierInfo& tier(std::size_t i) noexcept { return kTiers[i]; }

bool select_kernels(std::string_view isa, KernelTable* table) noexcept {
  const std::size_t chosen = chosen_tier(isa);
  if (chosen == kTierCount || !kTiers[chosen].supported()) return false;
  *table = KernelTable{};
  for (std::size_t i = 0; i <= chosen; ++i) {
    if (kTiers[i].supported()) kTiers[i].fill(*table);
  }
  table->tier = kTiers[chosen].name.data();
  return true;
}

}  // namespace lathe
