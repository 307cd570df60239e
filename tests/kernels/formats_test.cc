// Decode and unpack of every format, in every tier: against golden blocks and against each other.
#include <cmath>
#include <cstring>

#include "tests/support/golden.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/random_data.h"
#include "tests/support/tier_test.h"

namespace lathe::test {
namespace {

class FormatKernels : public TierTest {};
LATHE_EVERY_TIER(FormatKernels);

TEST_P(FormatKernels, GoldenBlocksDecodeBitExactly) {
  for (Format f : kAllFormats) {
    SCOPED_TRACE(format_name(f));
    const std::string id(kFormatIds[index_of(f)]);
    const std::vector<char> blocks = read_bytes(golden_path(id + ".blocks.bin"));
    const std::vector<char> expected = read_bytes(golden_path(id + ".f32.bin"));
    const std::size_t n = expected.size() / sizeof(float);
    ASSERT_GT(n, 0u);
    ASSERT_EQ(blocks.size(), row_bytes(f, n));
    GuardedBuffer in(blocks.size());
    GuardedBuffer out(expected.size());
    std::memcpy(in.data(), blocks.data(), blocks.size());
    kernels_.decode[index_of(f)](in.data(), n, out.as<float>().data());
    EXPECT_EQ(0, std::memcmp(out.data(), expected.data(), expected.size()));
    EXPECT_TRUE(out.padding_intact());
  }
}

TEST_P(FormatKernels, DecodeTakesAnyNumberOfBlocks) {
  Random random(1);
  for (Format f : kAllFormats) {
    SCOPED_TRACE(format_name(f));
    for (std::size_t n : column_cases(f)) {
      GuardedBuffer in(row_bytes(f, n));
      GuardedBuffer out(n * sizeof(float));
      fill_blocks(f, in.as<std::uint8_t>(), random);
      std::vector<float> expected(n);
      scalar_.decode[index_of(f)](in.data(), n, expected.data());
      kernels_.decode[index_of(f)](in.data(), n, out.as<float>().data());
      EXPECT_EQ(0, std::memcmp(out.data(), expected.data(), n * sizeof(float))) << n;
      EXPECT_TRUE(out.padding_intact());
    }
  }
}

// |a - b| in units of the last place of the larger part that went into the value.
float ulps(float a, float b, float largest_part) {
  const float unit = std::nextafter(largest_part, INFINITY) - largest_part;
  return std::abs(a - b) / unit;
}

TEST_P(FormatKernels, UnpackedGroupsReproduceDecodedValues) {
  Random random(2);
  for (Format f : kAllFormats) {
    const FormatInfo& info = format_info(f);
    ASSERT_EQ(kernels_.unpack[index_of(f)] != nullptr, is_integer_format(f)) << info.name;
    if (!is_integer_format(f)) continue;
    const std::size_t n = info.block_elems * 5;
    GuardedBuffer in(row_bytes(f, n)), codes(n);
    GuardedBuffer scales(n / info.group * sizeof(float)), mins(n / info.group * sizeof(float));
    fill_blocks(f, in.as<std::uint8_t>(), random);
    std::vector<float> decoded(n);
    scalar_.decode[index_of(f)](in.data(), n, decoded.data());
    kernels_.unpack[index_of(f)](in.data(), n, codes.as<std::int8_t>().data(),
                                 scales.as<float>().data(), mins.as<float>().data());
    for (std::size_t e = 0; e < n; ++e) {
      const float product = scales.as<float>()[e / info.group] * codes.as<std::int8_t>()[e];
      const float min = info.has_min ? mins.as<float>()[e / info.group] : 0.0f;
      ASSERT_LE(ulps(product + min, decoded[e], std::max(std::abs(product), std::abs(min))), 2)
          << info.name << " element " << e;
    }
    EXPECT_TRUE(codes.padding_intact() && scales.padding_intact() && mins.padding_intact());
    EXPECT_TRUE(info.has_min || std::isnan(mins.as<float>()[0])) << "mins must stay untouched";
  }
}

// Files are untrusted: no bit pattern may lead outside of a table or a buffer (sanitizers and guard
// pages watch).
TEST_P(FormatKernels, AnyBytesAreSafe) {
  Random random(3);
  for (Format f : kAllFormats) {
    const FormatInfo& info = format_info(f);
    const std::size_t n = 1280;
    GuardedBuffer in(row_bytes(f, n)), out(n * sizeof(float));
    GuardedBuffer codes(n), scales(n / 16 * sizeof(float)), mins(n / 16 * sizeof(float));
    for (int fill = 0; fill < 6; ++fill) {
      random.fill(in.as<std::uint8_t>());
      if (fill == 0) std::memset(in.data(), 0xff, in.size());
      if (fill == 1) std::memset(in.data(), 0x7f, in.size());
      kernels_.decode[index_of(f)](in.data(), n, out.as<float>().data());
      if (!is_integer_format(f)) continue;
      auto* s = scales.as<float>().data() + n / 16 - n / info.group;
      auto* m = mins.as<float>().data() + n / 16 - n / info.group;
      kernels_.unpack[index_of(f)](in.data(), n, codes.as<std::int8_t>().data(), s, m);
    }
    EXPECT_TRUE(out.padding_intact() && codes.padding_intact()) << info.name;
  }
}

TEST(FormatNames, RoundTripInAnyCase) {
  for (Format f : kAllFormats) {
    Format found = Format::F32;
    EXPECT_TRUE(format_from_name(format_name(f), &found));
    EXPECT_EQ(found, f);
    EXPECT_TRUE(format_from_name(kFormatIds[index_of(f)], &found));
    EXPECT_EQ(found, f);
    EXPECT_TRUE(format_from_gguf_id(format_info(f).gguf_id, &found));
    EXPECT_EQ(found, f);
  }
  Format untouched = Format::Q6_K;
  EXPECT_FALSE(format_from_name("q9_0", &untouched));
  EXPECT_FALSE(format_from_gguf_id(31, &untouched));
  EXPECT_EQ(untouched, Format::Q6_K);
}

}  // namespace
}  // namespace lathe::test
