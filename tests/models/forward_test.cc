// Forward passes against the double-precision oracle and against the peer's logits.
#include <gtest/gtest.h>

#include "tests/support/engine_run.h"
#include "tests/support/golden.h"
#include "tests/support/model_variants.h"
#include "tests/support/oracle_model.h"
#include "tests/support/tiny_model.h"

namespace lathe::test {
namespace {

// float32 throughout: what is left is rounding, about 1e-6 of the largest logit, times the depth.
TEST(Forward, AgreesWithOracleInFloat32) {
  for (const ModelVariant& v : model_variants()) {
    const GgufFile file = tiny_model(v.model);
    const std::vector<int> tokens = some_tokens(40, v.model.n_vocab);
    const auto expected = OracleModel(file).logits(tokens);
    for (const std::string& tier : supported_tiers()) {
      for (const MatmulPath path : {MatmulPath::kPanel, MatmulPath::kMatvec}) {
        SCOPED_TRACE(std::string(v.name) + " on " + tier);
        RunOptions o;
        o.tier = tier;
        o.path = path;
        EXPECT_LT(worst_difference(run_model(file, tokens, o), expected), 3e-5);
      }
    }
  }
}

// Late positions: angles of thousands of radians, where float32 angles would be off.
TEST(Forward, AgreesWithOracleAtLatePositions) {
  const TinyModel m;
  const GgufFile file = tiny_model(m);
  const std::vector<int> tokens = some_tokens(20, m.n_vocab);
  RunOptions o;
  o.first_pos = 100000;
  EXPECT_LT(
      worst_difference(run_model(file, tokens, o), OracleModel(file).logits(tokens, o.first_pos)),
      3e-5);
}

// More keys than one piece of attention holds.
constexpr std::size_t kSeveralPieces = 3 * kAttentionPiece + 5;

// Over several pieces, merged by one thread or spread over several.
void expect_oracle_over_pieces(const TinyModel& m) {
  const GgufFile file = tiny_model(m);
  const std::vector<int> tokens = some_tokens(kSeveralPieces, m.n_vocab);
  const auto expected = OracleModel(file).logits(tokens);
  for (const std::string& tier : supported_tiers()) {
    SCOPED_TRACE(tier);
    RunOptions o;
    o.tier = tier;
    o.n_batch = 200;
    const Rows many = run_model(file, tokens, o);
    EXPECT_LT(worst_difference(many, expected), 3e-5);
    o.n_batch = 3;
    o.n_threads = 4;  // few items of few KV heads for four threads: pieces are spread
    EXPECT_EQ(run_model(file, tokens, o), many);
  }
}

TEST(Forward, AgreesWithOracleOverSeveralPieces) {
  TinyModel m;
  m.n_layer = 1;
  m.n_head_kv = 1;
  m.n_embd = 32;
  m.n_ff = 32;
  expect_oracle_over_pieces(m);
}

// A window that begins within pieces, at their edges, and more than a piece behind the first key.
TEST(Forward, AgreesWithOracleBehindTheWindow) {
  TinyModel m;
  m.architecture = "olmo2";
  m.n_layer = 1;
  m.n_embd = 32;
  m.n_ff = 32;
  for (const std::uint32_t window : {5u, 256u, 300u, 513u}) {
    SCOPED_TRACE(window);
    m.keys.set("olmo2.attention.sliding_window", Value::u32(window));
    expect_oracle_over_pieces(m);
  }
}

// Bounds: weights are exact in the oracle too, so what differs is the rounding of activations: none
// for F16; for BF16 a relative 2^-9; for int8 half a step of 1/127 of a block's largest value,
// which is about 1 % of a normal deviate with blocks of 32 and 1.2 % with 256. Fifteen products in
// two layers of a random network (which damps nothing) add up to a few times that.
TEST(Forward, AgreesWithOracleInEveryKindOfFormat) {
  const std::pair<Format, double> bounds[] = {{Format::F16, 3e-5},
                                              {Format::BF16, 1e-2},
                                              {Format::Q8_0, 4e-2},
                                              {Format::Q4_K, 5e-2},
                                              {Format::Q6_K, 5e-2}};
  for (const auto& [format, bound] : bounds) {
    TinyModel m;
    m.format = format;
    m.n_embd = 256;
    m.n_ff = 512;
    m.head_dim = 64;
    const GgufFile file = tiny_model(m);
    const std::vector<int> tokens = some_tokens(33, m.n_vocab);
    const auto expected = OracleModel(file).logits(tokens);
    for (const std::string& tier : supported_tiers()) {
      for (const MatmulPath path : {MatmulPath::kPanel, MatmulPath::kMatvec}) {
        SCOPED_TRACE(std::string(format_name(format)) + " on " + tier);
        RunOptions o;
        o.tier = tier;
        o.path = path;
        EXPECT_LT(rms_difference(run_model(file, tokens, o), expected), bound);
      }
    }
  }
}

TEST(Forward, EveryFormatOfTheCache) {
  TinyModel m;
  m.head_dim = 64;
  const GgufFile file = tiny_model(m);
  const std::vector<int> tokens = some_tokens(60, m.n_vocab);
  const auto expected = OracleModel(file).logits(tokens);
  const std::pair<Format, double> bounds[] = {
      {Format::F32, 3e-5}, {Format::F16, 2e-3}, {Format::BF16, 1.5e-2}, {Format::Q8_0, 2e-2}};
  for (const std::string& tier : supported_tiers()) {
    for (const auto& [k, k_bound] : bounds) {
      for (const auto& [v, v_bound] : bounds) {
        SCOPED_TRACE(tier + ": K " + std::string(format_name(k)) + ", V " +
                     std::string(format_name(v)));
        RunOptions o;
        o.tier = tier;
        o.k_format = k;
        o.v_format = v;
        EXPECT_LT(rms_difference(run_model(file, tokens, o), expected), std::max(k_bound, v_bound));
      }
    }
  }
}

TEST(Forward, EqualsThePeersLogits) {
  const std::vector<int> tokens = {1,   260, 262, 270, 265, 3,   100, 287, 261, 261,
                                   280, 259, 272, 275, 12,  200, 266, 267, 268, 269};
  for (const char* name :
       {"llama_gqa_hd", "llama_tied_linear", "llama_yarn", "olmo2", "olmo2_gqa"}) {
    const GgufFile file = GgufFile::open(golden_path("tiny/" + std::string(name) + ".gguf"));
    const std::vector<char> bytes =
        read_bytes(golden_path("tiny/" + std::string(name) + ".logits.bin"));
    const auto* values = reinterpret_cast<const float*>(bytes.data());
    const std::size_t n_vocab = bytes.size() / sizeof(float) / tokens.size();
    Rows expected;
    for (std::size_t t = 0; t < tokens.size(); ++t) {
      expected.emplace_back(values + t * n_vocab, values + (t + 1) * n_vocab);
    }
    for (const std::string& tier : supported_tiers()) {
      SCOPED_TRACE(std::string(name) + " on " + tier);
      RunOptions o;
      o.tier = tier;
      EXPECT_LT(worst_difference(run_model(file, tokens, o), expected), 2e-5);
    }
  }
}

}  // namespace
}  // namespace lathe::test
