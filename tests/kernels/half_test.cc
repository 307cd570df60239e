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

// What rounding to the range of the block gives: the plain way, in double precision. The squared
// error of one block of 32 values.
double plain_error(Format f, const float* x) {
  double low = x[0], high = x[0], extreme = 0;
  for (int i = 0; i < 32; ++i) {
    low = std::min<double>(low, x[i]);
    high = std::max<double>(high, x[i]);
    if (std::abs(x[i]) > std::abs(extreme)) extreme = x[i];
  }
  std::vector<double> levels;
  double scale = 1, minimum = 0;
  const int n = f == Format::Q5_0 || f == Format::Q5_1 ? 32 : 16;
  const bool line = format_info(f).has_min;
  for (int q = 0; q < n; ++q) levels.push_back(line ? q : q - n / 2);
  if (f == Format::IQ4_NL) {
    levels = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};
  }
  if (line) {
    scale = (high - low) / (n - 1), minimum = low;
  } else {
    scale = extreme / levels.front();
  }
  double sum = 0;
  for (int i = 0; i < 32; ++i) {
    double best = HUGE_VAL;
    for (const double level : levels) {
      best = std::min(best, std::abs(scale * level + minimum - x[i]));
    }
    sum += best * best;
  }
  return sum;
}

constexpr Format kSmallCacheFormats[] = {Format::Q5_1, Format::Q5_0, Format::Q4_1, Format::Q4_0,
                                         Format::IQ4_NL};

TEST_P(Encoders, SmallBlocksAreBetterThanPlainRoundingAndTheSameInEveryTier) {
  Random random(6);
  const std::size_t n = 32 * 200;
  GuardedBuffer in(n * sizeof(float));
  const auto x = in.as<float>();
  random.fill(x, 2.0f);
  for (std::size_t b = 150; b < 180; ++b) {  // off centre, and with one that stands out
    for (int i = 0; i < 32; ++i) x[32 * b + i] += 5.0f;
    x[32 * b + b % 32] *= 6.0f;
  }
  std::fill_n(x.data() + 64, 32, 0.0f);
  std::fill_n(x.data() + 96, 32, -1.5f);
  for (const Format f : kSmallCacheFormats) {
    SCOPED_TRACE(format_name(f));
    GuardedBuffer out(row_bytes(f, n));
    kernels_.encode[index_of(f)](x.data(), n, out.data());
    std::vector<std::uint8_t> expected(out.size());
    scalar_.encode[index_of(f)](x.data(), n, expected.data());
    EXPECT_EQ(0, std::memcmp(out.data(), expected.data(), out.size()));
    EXPECT_TRUE(out.padding_intact());
    std::vector<float> back(n);
    scalar_.decode[index_of(f)](out.data(), n, back.data());
    double ours = 0, plain = 0;
    for (std::size_t b = 0; b < n / 32; ++b) {
      double error = 0;
      for (std::size_t i = 32 * b; i < 32 * (b + 1); ++i) {
        const double off = static_cast<double>(back[i]) - static_cast<double>(x[i]);
        error += off * off;
      }
      const double of_plain = plain_error(f, x.data() + 32 * b);
      // Scales are stored with 11 bits, which the plain error does not know.
      EXPECT_LE(error, of_plain * 1.02 + 1e-4) << "block " << b;
      ours += error;
      plain += of_plain;
    }
    EXPECT_LT(ours, plain * (f == Format::Q5_1 || f == Format::Q5_0 ? 0.98 : 0.95));
  }
}

TEST_P(Encoders, SmallBlocksOfOddValues) {
  for (const Format f : kSmallCacheFormats) {
    SCOPED_TRACE(format_name(f));
    const auto encoded = [&](const std::vector<float>& x) {
      std::vector<std::uint8_t> out(row_bytes(f, x.size()));
      kernels_.encode[index_of(f)](x.data(), x.size(), out.data());
      std::vector<float> back(x.size());
      scalar_.decode[index_of(f)](out.data(), x.size(), back.data());
      return back;
    };
    std::vector<float> x(32, 0.0f);
    EXPECT_EQ(encoded(x), x);
    x.assign(32, 1e-38f);  // a scale that no half holds
    for (const float v : encoded(x)) EXPECT_LE(std::abs(v), 1e-7f);
    x.assign(32, 0.0f);
    x[7] = -40000.0f;
    // Scales have 11 bits; IQ4_NL has no zero, its level next to it is 1 of 127.
    const float bound = f == Format::IQ4_NL ? 330.0f : 40.0f;
    for (std::size_t i = 0; i < 32; ++i) EXPECT_NEAR(encoded(x)[i], x[i], bound);
    x[3] = NAN;  // told elsewhere; no code may be out of its range
    encoded(x);
    x[3] = INFINITY;
    encoded(x);
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
