// Decode against golden blocks, in every tier.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/golden.h"
#include "tests/support/kernel_cases.h"

namespace lathe::test {
namespace {

class TierDecode : public testing::TestWithParam<std::string> {};

TEST_P(TierDecode, GoldenBlocksAreBitExact) {
  const KernelTable kernels = kernels_of(GetParam());
  for (Format f : kAllFormats) {
    SCOPED_TRACE(format_name(f));
    const std::string id(kFormatIds[index_of(f)]);
    const std::vector<char> blocks = read_bytes(golden_path(id + ".blocks.bin"));
    const std::vector<char> expected = read_bytes(golden_path(id + ".f32.bin"));
    const std::size_t n = expected.size() / sizeof(float);
    ASSERT_GT(n, 0u);
    ASSERT_EQ(blocks.size(), row_bytes(f, n));
    std::vector<float> out(n);
    kernels.decode[index_of(f)](blocks.data(), n, out.data());
    EXPECT_EQ(0, std::memcmp(out.data(), expected.data(), expected.size()));
  }
}

INSTANTIATE_TEST_SUITE_P(Kernels, TierDecode, testing::ValuesIn(supported_tiers()),
                         [](const auto& param) { return param.param; });

}  // namespace
}  // namespace lathe::test
