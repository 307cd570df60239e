// Conversions of 16-bit floats against the definition of the formats, scalar and in every tier.
#include "kernels/half.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "tests/support/guarded_buffer.h"
#include "tests/support/random_data.h"
#include "tests/support/tier_test.h"

namespace lathe::test {
namespace {

double value_of_half(unsigned h) {
  const double sign = h & 0x8000 ? -1 : 1;
  const int exponent = h >> 10 & 31;
  const int mantissa = h & 1023;
  if (exponent == 31) return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0) return sign * std::ldexp(mantissa, -24);
  return sign * std::ldexp(1024 + mantissa, exponent - 25);
}

TEST(Half, EveryHalfHasItsValueAndComesBack) {
  for (unsigned h = 0; h < 0x10000; ++h) {
    const double expected = value_of_half(h);
    const float x = f32_from_f16(static_cast<std::uint16_t>(h));
    if (std::isnan(expected)) {
      ASSERT_TRUE(std::isnan(x));
      ASSERT_EQ(f16_from_f32(x), (h & 0x8000) | 0x7e00);
    } else {
      ASSERT_EQ(x, expected) << h;
      ASSERT_EQ(std::signbit(x), h >> 15) << h;
      ASSERT_EQ(f16_from_f32(x), h);
    }
  }
}

// Floats that matter for rounding: around halves, midpoints between halves, limits, and random
// bits.
std::vector<float> interesting_floats() {
  std::vector<float> x = {0.0f,
                          -0.0f,
                          65504.0f,
                          65519.0f,
                          65520.0f,
                          65536.0f,
                          1e30f,
                          INFINITY,
                          -INFINITY,
                          1e-8f,
                          2.9e-8f,
                          2.98023223876953125e-8f,
                          3e-8f,
                          1e-40f,
                          std::numeric_limits<float>::max(),
                          std::numeric_limits<float>::min()};
  for (unsigned h = 0; h < 0x7c00; h += 7) {
    const double middle = (value_of_half(h) + value_of_half(h + 1)) / 2;
    if (std::isinf(middle)) continue;
    const auto m = static_cast<float>(middle);
    for (float v : {m, std::nextafter(m, 0.0f), std::nextafter(m, INFINITY)}) {
      x.push_back(v);
      x.push_back(-v);
    }
  }
  Random random(4);
  for (int i = 0; i < 5000; ++i) {
    const float v = f32_from_bits(static_cast<std::uint32_t>(random.bits() >> 32));
    if (!std::isnan(v)) x.push_back(v);
  }
  return x;
}

// Nearest half by search, ties to the even bit pattern.
std::uint16_t nearest_half(float x) {
  const double magnitude = std::abs(static_cast<double>(x));
  const auto sign = static_cast<std::uint16_t>(std::signbit(x) ? 0x8000 : 0);
  if (magnitude >= 65520) return sign | 0x7c00;
  unsigned low = 0, high = 0x7c00;  // the first half that is not below the value
  while (low < high) {
    const unsigned middle = (low + high) / 2;
    if (value_of_half(middle) < magnitude) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == 0) return sign;
  const double above = low == 0x7c00 ? 65536.0 : value_of_half(low);
  const double to_above = above - magnitude;
  const double to_below = magnitude - value_of_half(low - 1);
  const bool up = to_above < to_below || (to_above == to_below && low % 2 == 0);
  return static_cast<std::uint16_t>(sign | (up ? low : low - 1));
}

TEST(Half, RoundsToNearestEven) {
  for (float x : interesting_floats()) {
    ASSERT_EQ(f16_from_f32(x), nearest_half(x)) << x;
  }
}

TEST(Bfloat, RoundsToNearestEven) {
  for (float x : interesting_floats()) {
    const float back = f32_from_bf16(bf16_from_f32(x));
    if (std::isinf(back)) continue;
    const std::uint32_t down = bits_of_f32(x) & 0xffff0000u;
    const double below = f32_from_bits(down), above = f32_from_bits(down + 0x10000u);
    const double error = std::abs(back - static_cast<double>(x));
    ASSERT_LE(error, std::abs(below - x));
    ASSERT_LE(error, std::abs(above - x));
    const bool tie = std::abs(below - x) == std::abs(above - x);
    ASSERT_TRUE(!tie || bf16_from_f32(x) % 2 == 0);
  }
  EXPECT_TRUE(std::isnan(f32_from_bf16(bf16_from_f32(NAN))));
  EXPECT_TRUE(std::isinf(f32_from_bf16(bf16_from_f32(INFINITY))));
}

class Encoders : public TierTest {};
LATHE_EVERY_TIER(Encoders);

TEST_P(Encoders, OnlyDirectRoundingFormatsHaveOne) {
  for (Format f : kAllFormats) {
    const bool direct =
        std::find(std::begin(kCacheFormats), std::end(kCacheFormats), f) != std::end(kCacheFormats);
    EXPECT_EQ(kernels_.encode[index_of(f)] != nullptr, direct) << format_name(f);
  }
}

TEST_P(Encoders, FloatFormatsRoundExactly) {
  std::vector<float> x = interesting_floats();
  x.insert(x.end(), {NAN, -NAN});
  for (Format f : {Format::F32, Format::F16, Format::BF16}) {
    SCOPED_TRACE(format_name(f));
    for (std::size_t n : {x.size(), std::size_t{1}, std::size_t{13}, std::size_t{33}}) {
      GuardedBuffer in(n * sizeof(float)), out(row_bytes(f, n));
      std::memcpy(in.data(), x.data() + x.size() - n, n * sizeof(float));
      kernels_.encode[index_of(f)](in.as<float>().data(), n, out.data());
      for (std::size_t i = 0; i < n; ++i) {
        const float v = in.as<float>()[i];
        if (f == Format::F32) {
          ASSERT_EQ(bits_of_f32(out.as<float>()[i]), bits_of_f32(v));
        } else if (f == Format::F16) {
          ASSERT_EQ(out.as<std::uint16_t>()[i], f16_from_f32(v)) << v;
        } else {
          ASSERT_EQ(out.as<std::uint16_t>()[i], bf16_from_f32(v)) << v;
        }
      }
      EXPECT_TRUE(out.padding_intact());
    }
  }
}

TEST_P(Encoders, Q8_0IsNearestAndTheSameInEveryTier) {
  Random random(5);
  const std::size_t n = 32 * 37;
  GuardedBuffer in(n * sizeof(float)), out(row_bytes(Format::Q8_0, n));
  const auto x = in.as<float>();
  random.fill(x, 3.0f);
  std::fill_n(x.data() + 64, 32, 0.0f);
  for (int i = 0; i < 32; ++i)
    x[96 + i] = static_cast<float>(i * 4 - 63) * 0.5f + (i == 0 ? -32 : 0);
  kernels_.encode[index_of(Format::Q8_0)](x.data(), n, out.data());
  std::vector<std::uint8_t> expected(out.size());
  scalar_.encode[index_of(Format::Q8_0)](x.data(), n, expected.data());
  EXPECT_EQ(0, std::memcmp(out.data(), expected.data(), out.size()));
  std::vector<float> back(n);
  scalar_.decode[index_of(Format::Q8_0)](out.data(), n, back.data());
  for (std::size_t b = 0; b < n / 32; ++b) {
    float largest = 0;
    for (int i = 0; i < 32; ++i) largest = std::max(largest, std::abs(x[32 * b + i]));
    // Half a step, plus what rounding the scale to a half can move the code 127.
    const float bound = largest / 127 * 0.5f * 1.0001f + largest * 0x1p-11f;
    for (int i = 0; i < 32; ++i) ASSERT_LE(std::abs(back[32 * b + i] - x[32 * b + i]), bound);
  }
}

}  // namespace
}  // namespace lathe::test
