// The bfloat16 panels, which the tier itself takes only on CPUs where they are the faster ones:
// here on any CPU that has the instruction.
#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "kernels/cpu_features.h"
#include "tests/support/matmul_case.h"
#include "tests/support/tier_test.h"

#if defined(__x86_64__)
namespace lathe {
void fill_avx512bf16_panels(KernelTable& table) noexcept;

namespace test {
namespace {

class Bf16Panels : public testing::Test {
 protected:
  void SetUp() override {
    if (!cpu_has_avx512bf16()) GTEST_SKIP() << "this CPU has no AVX-512 BF16";
    fill_avx512bf16_panels(table_);
  }

  // Result [n_tokens][n_rows], the panel of all rows of the case (one panel at most).
  std::vector<float> multiply(MatmulCase& c, std::size_t first, std::size_t n_tokens) const {
    const MatmulKernels& k = table_.matmul[index_of(Format::BF16)];
    GuardedBuffer panel(k.panel_bytes(c.n_cols));
    k.pack(c.row(0), c.row_stride, c.n_rows, c.n_cols, panel.data());
    EXPECT_TRUE(panel.padding_intact());
    GuardedBuffer y(n_tokens * c.n_rows * sizeof(float));
    k.multiply(panel.data(), c.n_rows, c.n_cols, c.token(first), c.act_stride, n_tokens,
               y.as<float>().data(), c.n_rows);
    EXPECT_TRUE(y.padding_intact());
    return {y.as<float>().begin(), y.as<float>().end()};
  }

  const KernelTable scalar_ = kernels_of("scalar");
  KernelTable table_ = scalar_;
};

TEST_F(Bf16Panels, AreWithinTheBound) {
  for (std::size_t n_cols : {1, 2, 31, 32, 33, 64, 77, 513}) {
    for (std::size_t n_rows : {1, 15, 16, 17, 32}) {
      MatmulCase c(scalar_, Format::BF16, n_rows, n_cols, 19, 100 + n_cols);
      const std::vector<float> y = multiply(c, 0, 19);
      for (std::size_t t = 0; t < 19; ++t) {
        for (std::size_t r = 0; r < n_rows; ++r) {
          const Exact e = c.exact(r, t);
          ASSERT_NEAR(y[t * n_rows + r], e.value, e.bound) << n_cols << " columns";
        }
      }
    }
  }
}

TEST_F(Bf16Panels, ResultsDoNotDependOnTheSplitOfTokens) {
  MatmulCase c(scalar_, Format::BF16, 32, 259, 40, 300);
  const std::vector<float> all = multiply(c, 0, 40);
  for (std::size_t n = 1; n <= 19; ++n) {
    const std::vector<float> part = multiply(c, 40 - n, n);
    ASSERT_EQ(0, std::memcmp(part.data(), &all[(40 - n) * 32], part.size() * sizeof(float))) << n;
  }
}

}  // namespace
}  // namespace test
}  // namespace lathe
#endif
