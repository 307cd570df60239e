// The bounds of quant/codecs/error_limit.h from both sides: what encoders really give stays within
// them for weights of any kind, and what is wrong does not.
#include "quant/codecs/error_limit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "kernels/tiers.h"
#include "quant/codecs/codec.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/source_path.h"

namespace lathe {
namespace {

constexpr std::size_t kCols = 256, kRows = 4;

using Rng = std::mt19937_64;
using FillRow = std::function<void(Rng&, float*)>;

float normal(Rng& rng) { return std::normal_distribution<float>()(rng); }
float uniform(Rng& rng) { return std::uniform_real_distribution<float>(-1, 1)(rng); }
float bounded(float x) { return std::clamp(x, -1000.0f, 1000.0f); }

// A row of values that do not depend on their neighbours.
FillRow each(std::function<float(Rng&, std::size_t)> value) {
  return [value](Rng& rng, float* x) {
    for (std::size_t i = 0; i < kCols; ++i) x[i] = value(rng, i);
  };
}

FillRow with_outlier(float others, float outlier, std::size_t block) {
  return [=](Rng& rng, float* x) {
    for (std::size_t i = 0; i < kCols; ++i) x[i] = others * normal(rng);
    for (std::size_t b = 0; b < kCols; b += block) {
      x[b + rng() % block] = uniform(rng) < 0 ? -outlier : outlier;
    }
  };
}

struct Weights {
  std::string name;
  FillRow fill;
};

std::vector<Weights> kinds_of_weights() {
  return {
      {"normal", each([](Rng& r, std::size_t) { return 0.02f * normal(r); })},
      {"student", each([](Rng& r, std::size_t) {
         return bounded(0.01f * std::student_t_distribution<float>(2)(r));
       })},
      {"cauchy", each([](Rng& r, std::size_t) {
         return bounded(0.01f * std::cauchy_distribution<float>()(r));
       })},
      {"log-normal", each([](Rng& r, std::size_t) {
         return bounded((normal(r) < 0 ? -0.01f : 0.01f) * std::exp(3 * normal(r)));
       })},
      {"uniform", each([](Rng& r, std::size_t) { return 0.05f * uniform(r); })},
      {"positive", each([](Rng& r, std::size_t) { return 0.05f * std::fabs(uniform(r)); })},
      {"near one", each([](Rng& r, std::size_t) { return 1.0f + 0.01f * normal(r); })},
      {"binary", each([](Rng& r, std::size_t) { return uniform(r) < 0 ? -0.03f : 0.03f; })},
      {"ternary", each([](Rng& r, std::size_t) {
         const float u = uniform(r);
         return u < -0.4f ? -0.03f : u > 0.4f ? 0.03f : 0.0f;
       })},
      {"sparse",
       each([](Rng& r, std::size_t) { return uniform(r) > 0.8f ? 0.05f * normal(r) : 0.0f; })},
      {"zero", each([](Rng&, std::size_t) { return 0.0f; })},
      {"outlier per row", with_outlier(0.001f, 10.0f, kCols)},
      {"outlier per 32", with_outlier(0.01f, 0.1f, 32)},
      {"large columns", each([](Rng& r, std::size_t i) {
         return 0.01f * normal(r) * (i % 97 == 0 ? 100.0f : 1.0f);
       })},
      {"large blocks", each([](Rng& r, std::size_t i) {
         return 0.01f * normal(r) * ((i / 16) % 2 ? 1000.0f : 1.0f);
       })},
      {"ramp",
       each([](Rng&, std::size_t i) { return 0.1f * (static_cast<float>(i) / kCols - 0.5f); })},
      {"half steps", each([](Rng& r, std::size_t i) {
         return (i % 16 == 0 ? 0.05f : 0.05f / 6) * (uniform(r) < 0 ? -1.0f : 1.0f);
       })},
      {"small", each([](Rng& r, std::size_t) { return 1e-5f * normal(r); })},
      {"below half precision", each([](Rng& r, std::size_t) { return 1e-7f * normal(r); })},
      {"huge", each([](Rng& r, std::size_t) {
         return std::clamp(10000.0f * normal(r), -30000.0f, 30000.0f);
       })},
  };
}

std::vector<std::vector<float>> kinds_of_importance() {
  Rng rng(7);
  std::vector<std::vector<float>> kinds(1);  // none
  const auto add = [&](const std::function<float(std::size_t)>& value) {
    std::vector<float> raw(kCols), prepared(kCols);
    for (std::size_t i = 0; i < kCols; ++i) raw[i] = value(i);
    ASSERT_TRUE(prepare_importance(raw.data(), kCols, prepared.data()));
    kinds.push_back(std::move(prepared));
  };
  add([&](std::size_t) { return std::exp(normal(rng)); });
  add([&](std::size_t) { return std::exp(3 * normal(rng)); });
  add([&](std::size_t i) { return i % 256 == 7 ? 1e4f : 1.0f; });
  add([&](std::size_t i) { return i % 3 == 0 ? 1.0f : 0.0f; });
  add([&](std::size_t i) { return static_cast<float>(i * i); });
  return kinds;
}

class ErrorLimits : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(select_kernels("", &kernels_)); }

  std::vector<float> through(const Codec& codec, const std::vector<float>& x,
                             const std::vector<float>& importance) const {
    const std::size_t rows = x.size() / kCols;
    std::vector<std::uint8_t> blocks(rows * row_bytes(codec.format, kCols));
    EXPECT_EQ(encode_rows(codec, {x.data(), rows, kCols},
                          importance.empty() ? nullptr : importance.data(), blocks.data()),
              rows);
    std::vector<float> y(x.size());
    kernels_.decode[index_of(codec.format)](blocks.data(), y.size(), y.data());
    return y;
  }

  static EncodingError error_of(Format format, const std::vector<float>& x,
                                const std::vector<float>& y,
                                const std::vector<float>& importance = {}) {
    EncodingError error(format);
    for (std::size_t i = 0; i < x.size(); i += kCols) {
      error.add_row({x.data() + i, kCols}, {y.data() + i, kCols}, importance);
    }
    return error;
  }

  // Rows of the packaged model, and of a normal distribution.
  std::vector<std::vector<float>> usual_weights() const {
    const GgufFile file = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
    std::vector<std::vector<float>> all;
    for (const char* name : {"token_embd.weight", "blk.0.attn_q.weight", "blk.5.ffn_up.weight"}) {
      const TensorInfo& t = file.require(name);
      std::vector<float>& x = all.emplace_back(16 * kCols);
      kernels_.decode[index_of(t.format)](file.data(t).data() + t.n_bytes / 2, x.size(), x.data());
    }
    Rng rng(3);
    std::vector<float>& x = all.emplace_back(16 * kCols);
    for (float& v : x) v = 0.02f * normal(rng);
    return all;
  }

  KernelTable kernels_;
};

template <class Use>
void for_codecs(Use use) {
  for (std::size_t f = 0; f < kFormatCount; ++f) {
    if (const Codec* codec = find_codec(static_cast<Format>(f))) use(*codec);
  }
}

TEST_F(ErrorLimits, EncodersStayWithinThemForWeightsOfAnyKind) {
  const auto importances = kinds_of_importance();
  for (const Weights& kind : kinds_of_weights()) {
    Rng rng(1);
    std::vector<float> x(kRows * kCols);
    for (std::size_t r = 0; r < kRows; ++r) kind.fill(rng, x.data() + r * kCols);
    for_codecs([&](const Codec& codec) {
      for (std::size_t i = 0; i < (codec.uses_importance ? importances.size() : 1); ++i) {
        const EncodingError error =
            error_of(codec.format, x, through(codec, x, importances[i]), importances[i]);
        EXPECT_FALSE(error.too_large()) << format_name(codec.format) << ", " << kind.name
                                        << ", importance " << i << ": " << error.relative_rms();
      }
    });
  }
}

TEST_F(ErrorLimits, EncodersStayFarWithinThemForUsualWeights) {
  for (const std::vector<float>& x : usual_weights()) {
    for_codecs([&](const Codec& codec) {
      std::vector<float> y = through(codec, x, {});
      EXPECT_FALSE(error_of(codec.format, x, y).too_large()) << format_name(codec.format);
      // A third more than it is would still not be too much.
      for (std::size_t i = 0; i < y.size(); ++i) y[i] += 0.3f * (y[i] - x[i]);
      EXPECT_FALSE(error_of(codec.format, x, y).too_large()) << format_name(codec.format);
    });
  }
}

TEST_F(ErrorLimits, WhatIsWrongIsBeyondThem) {
  for (const std::vector<float>& x : usual_weights()) {
    for_codecs([&](const Codec& codec) {
      const std::vector<float> y = through(codec, x, {});
      const auto too_large = [&](const std::vector<float>& wrong) {
        return error_of(codec.format, x, wrong).too_large();
      };
      std::vector<float> next_row = y, twice = y, negative = y, half_of_it = y;
      std::rotate(next_row.begin(), next_row.begin() + kCols, next_row.end());
      for (float& v : twice) v *= 2;
      for (float& v : negative) v = -v;
      for (std::size_t i = 0; i < y.size() / 2; ++i) half_of_it[i] = -y[i];
      const std::string name(format_name(codec.format));
      EXPECT_TRUE(too_large(next_row)) << name;
      EXPECT_TRUE(too_large(twice)) << name;
      EXPECT_TRUE(too_large(negative)) << name;
      EXPECT_TRUE(too_large(half_of_it)) << name;
      EXPECT_TRUE(too_large(std::vector<float>(y.size(), 0.0f))) << name;
      EXPECT_TRUE(too_large(std::vector<float>(y.size(), NAN))) << name;
    });
  }
}

TEST_F(ErrorLimits, ZerosMustComeBackAsZeros) {
  const std::vector<float> zeros(kCols, 0.0f), ones(kCols, 1.0f);
  for_codecs([&](const Codec& codec) {
    EXPECT_FALSE(error_of(codec.format, zeros, zeros).too_large()) << format_name(codec.format);
    EXPECT_TRUE(error_of(codec.format, zeros, ones).too_large()) << format_name(codec.format);
  });
}

}  // namespace
}  // namespace lathe
