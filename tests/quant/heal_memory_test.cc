// What healing says it needs, against sums by hand.
#include "quant/heal/heal_memory.h"

#include <gtest/gtest.h>

#include "models/registry.h"
#include "tests/support/tiny_model.h"

namespace lathe {
namespace {

constexpr std::uint64_t kEmbd = 32, kFf = 96, kTokens = 1000;

std::unique_ptr<Model> model_of(const GgufFile& file) { return load_model(file); }

GgufFile small() {
  return test::tiny_model({.architecture = "llama",
                           .n_layer = 4,
                           .n_embd = kEmbd,
                           .n_head = 4,
                           .n_head_kv = 2,
                           .head_dim = 8,
                           .n_ff = kFf,
                           .n_vocab = 64});
}

// One pruned layer: the fit at the gap is over the neurons of two.
TEST(HealMemory, IsThatOfTheGap) {
  const GgufFile file = small();
  const auto model = model_of(file);
  const MemoryNeed need = heal_memory(*model, {1}, {}, kTokens);
  const std::uint64_t all = 2 * kFf;  // neurons
  EXPECT_EQ(need.matrices, (4 + 8 + 8) * all * all + 4 * 4 * all * kEmbd);
  EXPECT_EQ(need.tokens, 4 * kTokens * ((5 + 4) * kEmbd + 3 * kFf));
  const MemoryNeed more = heal_memory(*model, {1, 2}, {}, kTokens);
  EXPECT_EQ(more.matrices, 20 * 9 * kFf * kFf + 16 * 3 * kFf * kEmbd);
}

TEST(HealMemory, IsThatOfOneLayerWhereNothingIsPooled) {
  const GgufFile file = small();
  const auto model = model_of(file);
  HealOptions options;
  options.pool_units = false;
  options.fit_inputs = false;
  const MemoryNeed need = heal_memory(*model, {3}, options, kTokens);
  EXPECT_EQ(need.matrices, (4 + 8) * kFf * kFf + 2 * 4 * kFf * kEmbd);
  EXPECT_EQ(need.tokens, 4 * kTokens * (5 * kEmbd + kFf));
}

}  // namespace
}  // namespace lathe
