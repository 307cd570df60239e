// Norm, residual sums, gates, rotary positions and log-softmax against double precision.
#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/support/guarded_buffer.h"
#include "tests/support/random_data.h"
#include "tests/support/tier_test.h"

namespace lathe::test {
namespace {

constexpr double kUnit = 0x1p-24;  // relative error of one rounding to float32

class VectorOps : public TierTest {
 protected:
  Random random_{900};

  static constexpr std::size_t kLengths[] = {1, 2, 7, 8, 15, 16, 17, 33, 64, 100, 255, 2048, 4099};
};
LATHE_EVERY_TIER(VectorOps);

TEST_P(VectorOps, RmsNorm) {
  for (std::size_t n : kLengths) {
    GuardedBuffer x(n * 4), weight(n * 4), y(n * 4);
    random_.fill(x.as<float>(), 3.0f);
    random_.fill(weight.as<float>());
    for (float eps : {1e-5f, 1.0f}) {
      kernels_.rms_norm(x.as<float>().data(), weight.as<float>().data(), n, eps,
                        y.as<float>().data());
      double squares = 0;
      for (float v : x.as<float>()) squares += static_cast<double>(v) * v;
      const double factor = 1 / std::sqrt(squares / static_cast<double>(n) + eps);
      for (std::size_t i = 0; i < n; ++i) {
        const double expected = x.as<float>()[i] * factor * weight.as<float>()[i];
        ASSERT_NEAR(y.as<float>()[i], expected, std::abs(expected) * 8 * kUnit) << n << ' ' << i;
      }
    }
    const std::vector<float> apart(y.as<float>().begin(), y.as<float>().end());
    kernels_.rms_norm(x.as<float>().data(), weight.as<float>().data(), n, 1.0f,
                      x.as<float>().data());
    EXPECT_EQ(0, std::memcmp(x.data(), apart.data(), n * 4)) << "in place, n " << n;
    EXPECT_TRUE(x.padding_intact() && y.padding_intact());
  }
}

// Vectors whose squares leave the range or the precision of float32 sums.
TEST_P(VectorOps, RmsNormOfAnOutlierKeepsThePrecision) {
  const std::size_t n = 4096;
  std::vector<float> x(n, 1.0f), weight(n, 1.0f), y(n);
  x[17] = 4096.0f;  // its square is 2^24: adding ones to it in float32 would be lost
  kernels_.rms_norm(x.data(), weight.data(), n, 0.0f, y.data());
  const double expected = 1 / std::sqrt((0x1p24 + 4095) / 4096);
  EXPECT_NEAR(y[0], expected, expected * 8 * kUnit);
}

TEST_P(VectorOps, AddAndScaleAreExact) {
  for (std::size_t n : kLengths) {
    GuardedBuffer x(n * 4), y(n * 4);
    random_.fill(x.as<float>());
    random_.fill(y.as<float>());
    const std::vector<float> before(x.as<float>().begin(), x.as<float>().end());
    kernels_.add(x.as<float>().data(), y.as<float>().data(), n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(x.as<float>()[i], before[i] + y.as<float>()[i]);
    EXPECT_TRUE(x.padding_intact() && y.padding_intact());
    std::copy_n(before.begin(), n, x.as<float>().data());
    kernels_.scale(x.as<float>().data(), 0.3f, n);
    for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(x.as<float>()[i], before[i] * 0.3f);
  }
}

TEST_P(VectorOps, SiluMul) {
  std::vector<float> gates = {0.0f,   -0.0f,  1e-30f, -1e-30f, 20.0f,   -20.0f, 87.0f, -87.0f,
                              -88.0f, 88.0f,  89.0f,  -89.0f,  -103.0f, 104.0f, 1e4f,  -1e4f,
                              1e30f,  -1e30f, 3e38f,  -3e38f,  5e-39f,  1.0f,   -1.0f};
  for (int i = 0; i < 2000; ++i) gates.push_back(random_.uniform() * 30.0f);
  const std::size_t n = gates.size();
  GuardedBuffer gate(n * 4), up(n * 4), out(n * 4);
  std::copy(gates.begin(), gates.end(), gate.as<float>().begin());
  random_.fill(up.as<float>());
  for (float& u : up.as<float>()) u = u == 0.0f ? 1.0f : u * 0.3f;
  kernels_.silu_mul(gate.as<float>().data(), up.as<float>().data(), n, out.as<float>().data());
  for (std::size_t i = 0; i < n; ++i) {
    const double z = gates[i];
    const double expected = z / (1 + std::exp(-z)) * up.as<float>()[i];
    // Results below 1e-36 may be flushed: nothing downstream can tell.
    ASSERT_NEAR(out.as<float>()[i], expected, std::abs(expected) * 16 * kUnit + 1e-36) << z;
  }
  for (std::size_t length : kLengths) {  // tails, in place
    const std::size_t first = n - std::min(length, n);
    std::copy(gates.begin(), gates.end(), gate.as<float>().begin());
    float* g = gate.as<float>().data() + first;
    kernels_.silu_mul(g, up.as<float>().data() + first, n - first, g);
    for (std::size_t i = 0; i < n; ++i) {
      const float expected = i < first ? gates[i] : out.as<float>()[i];
      ASSERT_NEAR(gate.as<float>()[i], expected, std::abs(expected) * 4 * kUnit);
    }
  }
  EXPECT_TRUE(gate.padding_intact() && out.padding_intact());
}

TEST_P(VectorOps, RopeRotatesBothPairings) {
  for (std::size_t head_dim : {2, 6, 8, 64, 80, 96, 128}) {
    for (std::size_t n_heads : {1, 3}) {
      const std::size_t half = head_dim / 2, n = n_heads * head_dim;
      GuardedBuffer x(n * 4), cos(half * 4), sin(half * 4);
      for (std::size_t i = 0; i < half; ++i) {
        const double angle = 3.0 * random_.uniform();
        cos.as<float>()[i] = static_cast<float>(1.25 * std::cos(angle));  // a YaRN magnitude too
        sin.as<float>()[i] = static_cast<float>(1.25 * std::sin(angle));
      }
      for (RopePairing pairing : {RopePairing::kInterleaved, RopePairing::kHalves}) {
        random_.fill(x.as<float>());
        const std::vector<float> before(x.as<float>().begin(), x.as<float>().end());
        kernels_.rope(x.as<float>().data(), n_heads, head_dim, cos.as<float>().data(),
                      sin.as<float>().data(), pairing);
        for (std::size_t h = 0; h < n_heads; ++h) {
          for (std::size_t i = 0; i < half; ++i) {
            const bool neighbours = pairing == RopePairing::kInterleaved;
            const std::size_t ia = h * head_dim + (neighbours ? 2 * i : i);
            const std::size_t ib = h * head_dim + (neighbours ? 2 * i + 1 : i + half);
            const double a = before[ia], b = before[ib];
            const double c = cos.as<float>()[i], s = sin.as<float>()[i];
            const double bound = 4 * kUnit * (std::abs(a) + std::abs(b));
            ASSERT_NEAR(x.as<float>()[ia], a * c - b * s, bound) << head_dim << ' ' << i;
            ASSERT_NEAR(x.as<float>()[ib], a * s + b * c, bound) << head_dim << ' ' << i;
          }
        }
        EXPECT_TRUE(x.padding_intact());
      }
    }
  }
}

TEST_P(VectorOps, LogSumExp) {
  for (std::size_t n : {1, 2, 7, 16, 17, 100, 4099, 128256}) {
    for (float spread : {0.1f, 5.0f, 200.0f}) {
      GuardedBuffer x(n * 4);
      random_.fill(x.as<float>(), spread);
      float max = 0;
      double sum = 0;
      kernels_.log_sum_exp(x.as<float>().data(), n, &max, &sum);
      const auto values = x.as<float>();
      const float largest = *std::max_element(values.begin(), values.end());
      double expected = 0;
      for (float v : values) expected += std::exp(static_cast<double>(v) - largest);
      ASSERT_EQ(max, largest);
      // The difference x - max is itself rounded, at worst at the edge of what still counts.
      ASSERT_NEAR(sum, expected, expected * 100 * kUnit) << n << ' ' << spread;
    }
  }
}

}  // namespace
}  // namespace lathe::test
