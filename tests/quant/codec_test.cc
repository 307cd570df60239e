// Encoders against what the peer program wrote for the same matrices (tests/golden), and on hostile
// input.
#include "quant/codecs/codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <random>

#include "kernels/tiers.h"
#include "tests/support/golden.h"

namespace lathe {
namespace {

struct NamedFormat {
  Format format;
  const char* id;  // as golden files spell it
};
void PrintTo(const NamedFormat& f, std::ostream* out) { *out << f.id; }

constexpr NamedFormat kSearched[] = {
    {Format::Q8_0, "Q8_0"},     {Format::Q4_0, "Q4_0"},       {Format::Q4_1, "Q4_1"},
    {Format::Q5_0, "Q5_0"},     {Format::Q5_1, "Q5_1"},       {Format::Q2_K, "Q2_K"},
    {Format::Q3_K, "Q3_K"},     {Format::Q4_K, "Q4_K"},       {Format::Q5_K, "Q5_K"},
    {Format::Q6_K, "Q6_K"},     {Format::IQ4_NL, "IQ4_NL"},   {Format::IQ4_XS, "IQ4_XS"},
    {Format::IQ3_S, "IQ3_S"},   {Format::IQ3_XXS, "IQ3_XXS"}, {Format::IQ2_S, "IQ2_S"},
    {Format::IQ2_XS, "IQ2_XS"}, {Format::IQ2_XXS, "IQ2_XXS"}, {Format::IQ1_S, "IQ1_S"},
    {Format::IQ1_M, "IQ1_M"},   {Format::TQ1_0, "TQ1_0"},     {Format::TQ2_0, "TQ2_0"},
    {Format::MXFP4, "MXFP4"},
};

struct Matrix {
  std::string prefix;  // of its golden files
  std::size_t rows, cols;
  std::vector<float> x, importance;
};

std::vector<float> floats_of(const std::string& name) {
  const std::vector<char> bytes = test::read_bytes(test::golden_path(name));
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

std::vector<Matrix> matrices() {
  return {{"quant_", 32, 512, floats_of("matrix_f32_32x512.bin"), floats_of("imatrix_f32_512.bin")},
          {"quantb_", 32, 1024, floats_of("matrix_b_f32_32x1024.bin"),
           floats_of("imatrix_b_f32_1024.bin")}};
}

const KernelTable& scalar_kernels() {
  static const KernelTable table = [] {
    KernelTable t;
    select_kernels("scalar", &t);
    return t;
  }();
  return table;
}

std::vector<float> decoded(Format format, const void* blocks, std::size_t n) {
  std::vector<float> out(n);
  scalar_kernels().decode[index_of(format)](blocks, n, out.data());
  return out;
}

std::vector<std::uint8_t> encoded(Format format, const Matrix& m, bool with_importance,
                                  std::string_view tier = {}) {
  std::vector<float> prepared(m.cols);
  EXPECT_TRUE(prepare_importance(m.importance.data(), m.cols, prepared.data()));
  std::vector<std::uint8_t> blocks(m.rows * row_bytes(format, m.cols));
  EXPECT_EQ(encode_rows(*find_codec(format, tier), {m.x.data(), m.rows, m.cols},
                        with_importance ? prepared.data() : nullptr, blocks.data()),
            m.rows);
  return blocks;
}

// Sum of w (y - x)^2 with w = 1, or importance * sqrt(mean square of the 256 around + x^2).
double squared_error(const Matrix& m, const std::vector<float>& y, bool weighted) {
  double sum = 0.0;
  for (std::size_t start = 0; start < y.size(); start += 256) {
    double sigma2 = 0.0;
    for (std::size_t i = start; i < start + 256; ++i) sigma2 += m.x[i] * m.x[i] / 256.0;
    for (std::size_t i = start; i < start + 256; ++i) {
      const double e = static_cast<double>(y[i]) - m.x[i];
      const double w = std::sqrt(sigma2 + static_cast<double>(m.x[i]) * m.x[i]);
      sum += e * e * (weighted ? w * m.importance[i % m.cols] : 1.0);
    }
  }
  return sum;
}

class AgainstPeer : public testing::TestWithParam<NamedFormat> {};

TEST_P(AgainstPeer, SquaredErrorIsNoMoreThanThePeers) {
  const NamedFormat f = GetParam();
  for (const Matrix& m : matrices()) {
    for (const bool with_importance : {false, true}) {
      const std::string name = m.prefix + f.id + (with_importance ? "_imat.bin" : "_none.bin");
      if (!std::filesystem::exists(test::golden_path(name))) continue;  // needs importance there
      const std::vector<char> peer = test::read_bytes(test::golden_path(name));
      ASSERT_EQ(peer.size(), m.rows * row_bytes(f.format, m.cols)) << name;
      const std::vector<float> theirs = decoded(f.format, peer.data(), m.rows * m.cols);
      const std::vector<float> ours =
          decoded(f.format, encoded(f.format, m, with_importance).data(), m.rows * m.cols);
      const double error = squared_error(m, ours, with_importance);
      const double peer_error = squared_error(m, theirs, with_importance);
      EXPECT_LE(error, 1.02 * peer_error) << name << ": ratio " << error / peer_error;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, AgainstPeer, testing::ValuesIn(kSearched),
                         [](const auto& test) { return std::string(test.param.id); });

// Least squares makes rounded values too small by the share of the error; formats in which that
// shows give most of it back. Here: how much of the numbers' size is left, sum w x y / sum w x^2.
TEST(Size, CoarseFormatsKeepMostOfIt) {
  struct Kept {
    Format format;
    double least;
  };
  constexpr Kept kKept[] = {
      {Format::Q3_K, 0.996},    {Format::Q2_K, 0.98},   {Format::IQ3_S, 0.997},
      {Format::IQ3_XXS, 0.995}, {Format::IQ2_S, 0.995}, {Format::IQ2_XS, 0.992},
      {Format::IQ2_XXS, 0.99},  {Format::IQ1_S, 0.94},  {Format::IQ1_M, 0.94}};
  const Matrix m = matrices()[1];
  for (const Kept& k : kKept) {
    const std::vector<float> y =
        decoded(k.format, encoded(k.format, m, true).data(), m.rows * m.cols);
    double xy = 0.0, xx = 0.0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double w = m.importance[i % m.cols];
      xy += w * m.x[i] * y[i];
      xx += w * m.x[i] * m.x[i];
    }
    EXPECT_GT(xy / xx, k.least) << kFormatInfo[index_of(k.format)].name;
    EXPECT_LT(xy / xx, 1.005) << kFormatInfo[index_of(k.format)].name;
  }
}

class AnyCodec : public testing::TestWithParam<NamedFormat> {
 protected:
  static constexpr std::size_t kCols = 512;

  // One row, encoded and decoded again.
  std::vector<float> round_trip(const std::vector<float>& x, const float* importance = nullptr) {
    std::vector<std::uint8_t> blocks(row_bytes(GetParam().format, x.size()));
    EXPECT_EQ(encode_rows(*find_codec(GetParam().format), {x.data(), 1, x.size()}, importance,
                          blocks.data()),
              1u);
    return decoded(GetParam().format, blocks.data(), x.size());
  }
};

TEST_P(AnyCodec, ZeroRowsStayZero) {
  EXPECT_THAT(round_trip(std::vector<float>(kCols, 0.0f)), testing::Each(0.0f));
}

TEST_P(AnyCodec, ConstantRowsKeepTheirValue) {
  for (const float value : {0.125f, -0.125f, 3.0f, -1e-4f}) {
    EXPECT_THAT(round_trip(std::vector<float>(kCols, value)),
                testing::Each(testing::FloatNear(value, std::fabs(value) * 0.13f)))
        << value;
  }
}

TEST_P(AnyCodec, HostileMagnitudesGiveFiniteValues) {
  std::mt19937 random(7);
  std::normal_distribution<float> normal;
  for (const float scale : {65000.0f / 6, 1e-5f, 1e-9f, 1e-20f, 1e-38f, 1e-44f}) {
    std::vector<float> x(kCols);
    for (float& v : x) v = std::clamp(normal(random) * scale, -65504.0f, 65504.0f);
    x[3] = 60000.0f;  // one outlier beside whatever the rest is
    for (std::size_t i = 32; i < 64; ++i) x[i] = 0.0f;
    for (const float v : round_trip(x)) ASSERT_TRUE(std::isfinite(v)) << scale;
  }
}

TEST_P(AnyCodec, ZeroImportanceOfWholeBlocksGivesSensibleCodes) {
  std::mt19937 random(8);
  std::normal_distribution<float> normal(0.0f, 0.02f);
  std::vector<float> x(kCols), importance(kCols, 0.0f), prepared(kCols);
  for (float& v : x) v = normal(random);
  for (std::size_t i = 300; i < kCols; ++i) importance[i] = 5.0f;  // the first 300 never excited
  ASSERT_TRUE(prepare_importance(importance.data(), kCols, prepared.data()));
  const std::vector<float> y = round_trip(x, prepared.data());
  double error = 0.0, energy = 0.0;
  for (std::size_t i = 0; i < 256; ++i) {
    error += (y[i] - x[i]) * (y[i] - x[i]);
    energy += x[i] * x[i];
  }
  EXPECT_LT(error, 0.25 * energy);  // what the coarsest, IQ1_S, loses anyway
}

TEST_P(AnyCodec, RowsAreIndependent) {
  const Matrix m = matrices()[0];
  const std::vector<std::uint8_t> all = encoded(GetParam().format, m, true);
  std::vector<float> prepared(m.cols);
  ASSERT_TRUE(prepare_importance(m.importance.data(), m.cols, prepared.data()));
  const std::size_t stride = row_bytes(GetParam().format, m.cols);
  std::vector<std::uint8_t> one(stride);
  for (std::size_t r = 0; r < m.rows; ++r) {
    encode_rows(*find_codec(GetParam().format), {m.x.data() + r * m.cols, 1, m.cols},
                prepared.data(), one.data());
    ASSERT_EQ(0, std::memcmp(one.data(), all.data() + r * stride, stride)) << "row " << r;
  }
}

TEST_P(AnyCodec, EveryTierGivesTheSameBytes) {
  for (const Matrix& m : matrices()) {
    for (const bool with_importance : {false, true}) {
      const auto expected = encoded(GetParam().format, m, with_importance, "scalar");
      for (std::size_t i = 0; i < tier_count(); ++i) {
        if (!tier(i).supported()) continue;
        EXPECT_EQ(encoded(GetParam().format, m, with_importance, tier(i).name), expected)
            << tier(i).name;
      }
    }
  }
}

TEST_P(AnyCodec, RowsThatCannotBeRepresentedAreNamed) {
  const Codec& codec = *find_codec(GetParam().format);
  std::vector<std::uint8_t> blocks(4 * row_bytes(GetParam().format, kCols));
  for (const float bad : {NAN, INFINITY, -INFINITY}) {
    std::vector<float> x(4 * kCols, 0.5f);
    x[2 * kCols + 77] = bad;
    EXPECT_EQ(encode_rows(codec, {x.data(), 4, kCols}, nullptr, blocks.data()), 2u) << bad;
  }
  if (GetParam().format == Format::F32 || GetParam().format == Format::BF16) return;
  std::vector<float> x(4 * kCols, 0.5f);
  x[kCols] = -70000.0f;
  EXPECT_EQ(encode_rows(codec, {x.data(), 4, kCols}, nullptr, blocks.data()), 1u);
}

constexpr NamedFormat kFloats[] = {
    {Format::F32, "F32"}, {Format::F16, "F16"}, {Format::BF16, "BF16"}};
INSTANTIATE_TEST_SUITE_P(Searched, AnyCodec, testing::ValuesIn(kSearched),
                         [](const auto& test) { return std::string(test.param.id); });
INSTANTIATE_TEST_SUITE_P(Floats, AnyCodec, testing::ValuesIn(kFloats),
                         [](const auto& test) { return std::string(test.param.id); });

TEST(Codecs, AllAreTested) {
  for (std::size_t i = 0; i < kFormatCount; ++i) {
    const auto same = [&](const NamedFormat& f) { return f.format == static_cast<Format>(i); };
    const bool tested = std::any_of(std::begin(kSearched), std::end(kSearched), same) ||
                        std::any_of(std::begin(kFloats), std::end(kFloats), same);
    EXPECT_EQ(find_codec(static_cast<Format>(i)) != nullptr, tested) << kFormatInfo[i].name;
  }
}

// 64-bit FNV-1a.
std::uint64_t hash_of(const std::vector<std::uint8_t>& bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint8_t b : bytes) hash = (hash ^ b) * 0x100000001b3;
  return hash;
}

// Files are the same from every compiler, build type and CPU. A change of an encoder changes these
// numbers, and should be seen to.
TEST(Codecs, BytesAreTheSameFromEveryBuild) {
  struct Known {
    NamedFormat format;
    std::uint64_t plain, weighted;
  };
  constexpr Known kKnown[] = {
      {{Format::Q8_0, "Q8_0"}, 0x57f952b77b3ea2ff, 0xb4093e7b72d0bc39},
      {{Format::Q4_0, "Q4_0"}, 0x5b5bc9336c44d570, 0x517168043c939f40},
      {{Format::Q4_1, "Q4_1"}, 0x665cbd8ef8a7aabc, 0x1a5ce9f0c753fb8a},
      {{Format::Q5_0, "Q5_0"}, 0x3f160ad33b91a2a4, 0xa6e6f9b2d1222835},
      {{Format::Q5_1, "Q5_1"}, 0x122f2d859387493c, 0x36790c9fafe822f3},
      {{Format::Q2_K, "Q2_K"}, 0x78d20836166b1b9e, 0x8759871f54e84589},
      {{Format::Q3_K, "Q3_K"}, 0x49ad4e64683cb60a, 0xc87647c846429c2a},
      {{Format::Q4_K, "Q4_K"}, 0x9e36815a91186b95, 0xd38e6cedf2d79fd9},
      {{Format::Q5_K, "Q5_K"}, 0xfd5e1f2c655ba327, 0xe8518e9b139ad938},
      {{Format::Q6_K, "Q6_K"}, 0xf0d266c3f9e7996c, 0x4c838ce3257e5d4d},
      {{Format::IQ4_NL, "IQ4_NL"}, 0x3ab0ba2b3f8f3be4, 0xfdd13a3763530e7f},
      {{Format::IQ4_XS, "IQ4_XS"}, 0xbdfe962e2d44e7b6, 0xb9a1edde73381925},
      {{Format::IQ3_S, "IQ3_S"}, 0x6528a0c1ed1d9e3d, 0xcf404a74e7bbd770},
      {{Format::IQ3_XXS, "IQ3_XXS"}, 0x36173aa6bec45e5a, 0x66cc9d010c68110d},
      {{Format::IQ2_S, "IQ2_S"}, 0x686ef181c7265732, 0xd958115c0051e6d3},
      {{Format::IQ2_XS, "IQ2_XS"}, 0xfb1b9cfc5477e5e8, 0x93e2aea78ec0ca8d},
      {{Format::IQ2_XXS, "IQ2_XXS"}, 0x71d9860fa2b229c1, 0x88eb2129ba5c77dc},
      {{Format::IQ1_S, "IQ1_S"}, 0x156cf8940793b175, 0xa99359329ea28380},
      {{Format::IQ1_M, "IQ1_M"}, 0x305efae69ca9d5f0, 0x20946af94f8fe8b9},
      {{Format::TQ1_0, "TQ1_0"}, 0x477cce6ef910eb0b, 0x74932cbee72d553b},
      {{Format::TQ2_0, "TQ2_0"}, 0x438bea6ce9fc762f, 0xe132170852ac5128},
      {{Format::MXFP4, "MXFP4"}, 0x4b3202d30863c39b, 0x5976c008729bcc8e},
  };
  const Matrix m = matrices()[1];
  for (const Known& k : kKnown) {
    EXPECT_EQ(hash_of(encoded(k.format.format, m, false)), k.plain) << k.format.id;
    EXPECT_EQ(hash_of(encoded(k.format.format, m, true)), k.weighted) << k.format.id;
  }
}

TEST(PrepareImportance, RefusesWhatIsNoImportance) {
  std::vector<float> v(64, 1.0f), out(64);
  EXPECT_TRUE(prepare_importance(v.data(), v.size(), out.data()));
  EXPECT_THAT(out, testing::Each(1.0f));
  for (const float bad : {NAN, INFINITY, -1.0f}) {
    v[5] = bad;
    EXPECT_FALSE(prepare_importance(v.data(), v.size(), out.data())) << bad;
  }
  std::fill(v.begin(), v.end(), 0.0f);
  EXPECT_FALSE(prepare_importance(v.data(), v.size(), out.data()));
}

TEST(PrepareImportance, ScalesByAPowerOfTwoAndKeepsAFloor) {
  const std::vector<float> v = {0.0f, 3e-30f, 5e-30f, 4e-30f};
  std::vector<float> out(v.size());
  ASSERT_TRUE(prepare_importance(v.data(), v.size(), out.data()));
  EXPECT_GT(out[0], 0.0f);
  EXPECT_LT(out[0], 1e-3f * out[1]);
  int exponent = 0;
  EXPECT_EQ(std::frexp(out[2] / v[2], &exponent), 0.5f);
  EXPECT_GT(out[3], 0.5f);
  EXPECT_LT(out[3], 4.0f);
}

}  // namespace
}  // namespace lathe
