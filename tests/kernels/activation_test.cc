// Conversion of activation rows: the definition in kernels/activation.h, the same bytes in every
// tier.
#include "kernels/activation.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "kernels/half.h"
#include "tests/support/guarded_buffer.h"
#include "tests/support/random_data.h"
#include "tests/support/tier_test.h"

namespace lathe::test {
namespace {

class Activations : public TierTest {
 protected:
  QuantizeActFn of(ActKind kind) const { return kernels_.quantize_act[static_cast<int>(kind)]; }
};
LATHE_EVERY_TIER(Activations);

TEST_P(Activations, FloatRows) {
  Random random(6);
  for (std::size_t n : {1, 7, 16, 33, 100, 515}) {
    GuardedBuffer x(n * sizeof(float));
    random.fill(x.as<float>());
    GuardedBuffer f32(act_layout(ActKind::kF32, n).row_bytes);
    GuardedBuffer bf16(act_layout(ActKind::kBF16, n).row_bytes);
    of(ActKind::kF32)(x.as<float>().data(), n, f32.data());
    of(ActKind::kBF16)(x.as<float>().data(), n, bf16.data());
    EXPECT_EQ(0, std::memcmp(f32.data(), x.data(), x.size()));
    for (std::size_t i = 0; i < n; ++i) {
      ASSERT_EQ(bf16.as<std::uint16_t>()[i], bf16_from_f32(x.as<float>()[i])) << n << ' ' << i;
    }
  }
}

// Blocks of every kind: ordinary, all zero, one large value, exact ties, tiny and huge magnitudes.
void fill_hard(std::span<float> x, Random& random) {
  random.fill(x);
  for (std::size_t b = 0; b < x.size() / 32; ++b) {
    const auto block = x.subspan(32 * b, 32);
    const std::size_t kind = random.below(8);
    for (std::size_t i = 0; i < 32; ++i) {
      if (kind == 0) block[i] = 0.0f;
      if (kind == 1)
        block[i] = i == 5 ? -127.0f : static_cast<float>(static_cast<int>(i) - 16) + 0.5f;
      if (kind == 2) block[i] *= 1e-30f;
      if (kind == 3) block[i] *= 1e30f;
      if (kind == 4) block[i] *= 1e-38f;
      if (kind == 5 && i == 31) block[i] = -1000.0f;
    }
  }
}

// The definition, evaluated again block by block, with the library's rounding.
void check_codes(const float* x, std::size_t n, const ActLayout& layout, const ActRow& parts) {
  for (std::size_t b = 0; b < n / layout.scale_elems; ++b) {
    float largest = 0.0f;
    for (std::size_t i = 0; i < layout.scale_elems; ++i) {
      largest = std::max(largest, std::abs(x[b * layout.scale_elems + i]));
    }
    const bool zero = largest < 0x1p-120f;
    ASSERT_EQ(parts.scales[b], zero ? 0.0f : largest / 127.0f);
    for (std::size_t i = b * layout.scale_elems; i < (b + 1) * layout.scale_elems; ++i) {
      const float inverse = zero ? 0.0f : 127.0f / largest;
      ASSERT_EQ(static_cast<float>(parts.codes[i]), std::nearbyint(x[i] * inverse)) << i;
      // And what the definition is for: the error is half a step.
      const double value = static_cast<double>(parts.codes[i]) * parts.scales[b];
      ASSERT_LE(std::abs(value - x[i]), std::max(parts.scales[b] * 0.50001, 0x1p-120)) << i;
    }
  }
}

void check_sums(std::size_t n, const ActRow& parts) {
  for (std::size_t g = 0; g < n / 16; ++g) {
    int sum = 0;
    for (int i = 0; i < 16; ++i) sum += parts.codes[16 * g + i];
    ASSERT_EQ(parts.sums16[g], static_cast<float>(sum));
    ASSERT_EQ(parts.bias16[g], -128 * sum);
    ASSERT_EQ(parts.words16[g], sum);
  }
  for (std::size_t g = 0; g < n / 32; ++g) {
    ASSERT_EQ(parts.sums32[g], parts.sums16[2 * g] + parts.sums16[2 * g + 1]);
    ASSERT_EQ(parts.bias32[g], parts.bias16[2 * g] + parts.bias16[2 * g + 1]);
  }
}

// Every part of two rows, byte for byte (what lies between the parts is free).
void expect_same_parts(const ActRow& a, const ActRow& b, std::size_t n, std::size_t scale_elems) {
  EXPECT_EQ(0, std::memcmp(a.codes, b.codes, n));
  EXPECT_EQ(0, std::memcmp(a.scales, b.scales, n / scale_elems * 4));
  EXPECT_EQ(0, std::memcmp(a.sums16, b.sums16, n / 16 * 4));
  EXPECT_EQ(0, std::memcmp(a.sums32, b.sums32, n / 32 * 4));
  EXPECT_EQ(0, std::memcmp(a.bias16, b.bias16, n / 16 * 4));
  EXPECT_EQ(0, std::memcmp(a.bias32, b.bias32, n / 32 * 4));
  EXPECT_EQ(0, std::memcmp(a.words16, b.words16, n / 16 * 2));
}

TEST_P(Activations, Int8RowsFollowTheDefinitionInEveryTier) {
  Random random(7);
  for (ActKind kind : {ActKind::kQ8x32, ActKind::kQ8x256}) {
    for (std::size_t n : {32, 64, 96, 256, 512, 1280, 4096}) {
      const ActLayout layout = act_layout(kind, n);
      if (n % layout.scale_elems != 0) continue;
      SCOPED_TRACE(testing::Message() << "kind " << static_cast<int>(kind) << ", n " << n);
      GuardedBuffer x(n * sizeof(float)), row(layout.row_bytes), expected(layout.row_bytes);
      fill_hard(x.as<float>(), random);
      if (n == 512) std::fill_n(x.as<float>().data(), 256, 1e-37f);  // counts as zero
      of(kind)(x.as<float>().data(), n, row.data());
      scalar_.quantize_act[static_cast<int>(kind)](x.as<float>().data(), n, expected.data());
      check_codes(x.as<float>().data(), n, layout, ActRow(row.data(), layout));
      check_sums(n, ActRow(row.data(), layout));
      expect_same_parts(ActRow(row.data(), layout), ActRow(expected.data(), layout), n,
                        layout.scale_elems);
      EXPECT_TRUE(row.padding_intact());
    }
  }
}

}  // namespace
}  // namespace lathe::test
