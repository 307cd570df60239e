// Selection of tiers: what is forced is what is used, and every table is complete.
#include "kernels/tiers.h"

#include <cstring>

#include "kernels/cpu_features.h"
#include "tests/support/tier_test.h"

namespace lathe::test {
namespace {

TEST(Tiers, ScalarIsFirstAndAlwaysSupported) {
  ASSERT_GE(tier_count(), 1u);
  EXPECT_EQ(tier(0).name, "scalar");
  EXPECT_TRUE(tier(0).supported());
}

TEST(Tiers, BestIsTheLastSupportedOne) {
  KernelTable table;
  ASSERT_TRUE(select_kernels("", &table));
  EXPECT_EQ(table.tier, supported_tiers().back());
}

TEST(Tiers, UnknownOrUnsupportedNamesLeaveTheTableUntouched) {
  KernelTable table;
  table.tier = "mine";
  EXPECT_FALSE(select_kernels("sse9", &table));
  EXPECT_FALSE(select_kernels("scalar ", &table));
  for (std::size_t i = 0; i < tier_count(); ++i) {
    if (tier(i).supported()) continue;
    EXPECT_FALSE(select_kernels(tier(i).name, &table));
  }
  EXPECT_STREQ(table.tier, "mine");
  EXPECT_EQ(table.attend, nullptr);
}

// A tier may use all that the tiers before it in its family may.
TEST(Tiers, NewerFeaturesIncludeOlderOnes) {
  EXPECT_TRUE(!cpu_has_avx512bf16() || cpu_has_avx512());
  EXPECT_TRUE(!cpu_has_avx512vbmi() || cpu_has_avx512());
  EXPECT_TRUE(!cpu_has_avx512() || cpu_has_avx2());
  EXPECT_TRUE(!cpu_has_i8mm() || cpu_has_dotprod());
}

class TierTable : public TierTest {};
LATHE_EVERY_TIER(TierTable);

TEST_P(TierTable, IsTheForcedOne) { EXPECT_EQ(kernels_.tier, GetParam()); }

// Entries that a tier does not fill are those of the tier before it, so a tier that fills anything
// differs from it: a forced tier that is really scalar code would show here.
TEST_P(TierTable, OverridesWhatIsBeforeIt) {
  if (GetParam() == "scalar") return;
  std::string before = "scalar";
  for (const std::string& name : supported_tiers()) {
    if (name == GetParam()) break;
    before = name;
  }
  // All entries are pointers and sizes: equal tables are equal bytes.
  KernelTable older = kernels_of(before);
  older.tier = kernels_.tier;
  EXPECT_NE(0, std::memcmp(&older, &kernels_, sizeof older)) << "the same table as " << before;
}

TEST_P(TierTable, IsComplete) {
  for (Format f : kAllFormats) {
    const MatmulKernels& m = kernels_.matmul[index_of(f)];
    EXPECT_TRUE(kernels_.decode[index_of(f)]) << format_name(f);
    EXPECT_TRUE(m.matvec && m.pack && m.multiply && m.panel_bytes) << format_name(f);
    EXPECT_STRNE(m.matvec_name, "") << format_name(f);
    EXPECT_STRNE(m.panel_name, "") << format_name(f);
  }
  for (QuantizeActFn f : kernels_.quantize_act) EXPECT_TRUE(f);
  EXPECT_TRUE(kernels_.rms_norm && kernels_.add && kernels_.scale && kernels_.silu_mul);
  EXPECT_TRUE(kernels_.rope && kernels_.log_sum_exp);
  EXPECT_TRUE(kernels_.probe_int8 && kernels_.probe_fma && kernels_.probe_read);
  EXPECT_TRUE(kernels_.attend && kernels_.attend_scratch_bytes);
}

// A format that a vector tier does not serve by itself goes through a panel of that tier or an
// older vector tier, never through scalar code.
TEST_P(TierTable, NoScalarProductsInVectorTiers) {
  if (GetParam() == "scalar") return;
  for (Format f : kAllFormats) {
    const MatmulKernels& m = kernels_.matmul[index_of(f)];
    const MatmulKernels& s = scalar_.matmul[index_of(f)];
    EXPECT_NE(m.multiply, s.multiply) << format_name(f);
    EXPECT_NE(m.matvec, s.matvec) << format_name(f);
  }
}

}  // namespace
}  // namespace lathe::test
