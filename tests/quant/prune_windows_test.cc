// A pruned file computes what the model computes without those layers, to the bit: also where what
// a layer does follows from its number.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/registry.h"
#include "quant/pipeline/quantize.h"
#include "quant/plan/prune_metadata.h"
#include "tests/support/engine_run.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace lathe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr const char* kWindow = "olmo2.attention.sliding_window";
constexpr const char* kPattern = "olmo2.attention.sliding_window_pattern";

// Six layers; with a window of 3 tokens where `pattern` and the default say so.
test::TinyModel model(const char* architecture, bool window, std::optional<Value> pattern) {
  test::TinyModel m;
  m.architecture = architecture;
  m.n_layer = 6;
  if (window) m.keys.set(kWindow, Value::u32(3));
  if (pattern) m.keys.set(kPattern, *pattern);
  return m;
}

Value flags(std::initializer_list<bool> slides) {
  std::vector<std::byte> bytes;
  for (const bool s : slides) bytes.push_back(std::byte{s});
  return Value::raw_array(ValueType::kBool, bytes);
}

class PruneWindows : public testing::Test {
 protected:
  GgufFile pruned(const GgufFile& source, std::vector<int> layers) {
    const Plan plan = make_plan(read_model_header(source),
                                {.recipe = find_recipe("F32"), .prune_layers = std::move(layers)});
    QuantizeJob job{source, plan, nullptr, dir_.file(std::to_string(n_++) + ".gguf")};
    job.layer_metadata = layer_metadata(source.metadata());
    KernelTable kernels;
    select_kernels("scalar", &kernels);
    ThreadPool pool({.n_threads = 1, .pin = false});
    quantize(job, kernels, pool);
    return GgufFile::open(job.out_path);
  }

  static test::Rows logits(const GgufFile& file, std::vector<int> skipped = {}) {
    test::Engine engine(file, {}, 64);
    engine.session().set_skipped_layers(skipped);
    return engine.run(test::items_of(test::some_tokens(24, 200)));
  }

  TempDir dir_;
  int n_ = 0;
};

TEST_F(PruneWindows, APrunedFileIsTheModelWithoutTheLayers) {
  const test::TinyModel models[] = {
      model("llama", false, {}),           model("mistral3", false, {}),
      model("olmo2", false, {}),           model("olmo2", true, {}),  // each fourth sees everything
      model("olmo2", true, Value::u32(3)), model("olmo2", true, flags({0, 1, 1, 0, 1, 0}))};
  for (const test::TinyModel& m : models) {
    const GgufFile whole = test::tiny_model(m);
    for (const std::vector<int>& layers : {std::vector{2}, {0, 3}, {1, 2, 3, 4}}) {
      EXPECT_EQ(logits(pruned(whole, layers)), logits(whole, layers)) << m.architecture;
    }
    EXPECT_EQ(logits(pruned(whole, {})), logits(whole)) << m.architecture;
  }
}

TEST_F(PruneWindows, PruningTwiceIsPruningOnce) {
  const GgufFile whole = test::tiny_model(model("olmo2", true, Value::u32(3)));
  const GgufFile once = pruned(whole, {1});     // 0 2 3 4 5
  const GgufFile twice = pruned(once, {2, 4});  // without 3 and 5
  EXPECT_EQ(logits(twice), logits(whole, {1, 3, 5}));
  EXPECT_THAT(*twice.metadata().uint_list(kPattern), ElementsAre(1u, 0u, 1u));
}

// So the test above sees what it is for.
TEST_F(PruneWindows, ARuleByNumberGivesTheLayersOtherWindows) {
  const GgufFile third = test::tiny_model(model("olmo2", true, Value::u32(3)));
  const GgufFile fourth = test::tiny_model(model("olmo2", true, {}));
  EXPECT_NE(logits(third), logits(fourth));
}

TEST_F(PruneWindows, NothingIsWrittenWhereNothingIsPruned) {
  const GgufFile whole = test::tiny_model(model("olmo2", true, {}));
  EXPECT_FALSE(pruned(whole, {}).metadata().has(kPattern));
  EXPECT_TRUE(pruned(whole, {5}).metadata().has(kPattern));
}

TEST(LayerMetadata, SaysWhatFollowsFromTheNumber) {
  const auto of = [](const test::TinyModel& m) {
    return layer_metadata(test::tiny_model_parts(m).metadata);
  };
  EXPECT_THAT(of(model("llama", false, {})), IsEmpty());
  EXPECT_THAT(of(model("olmo2", false, Value::u32(3))), IsEmpty());
  const auto by_default = of(model("olmo2", true, {}));
  ASSERT_EQ(by_default.size(), 1u);
  EXPECT_EQ(by_default[0].key, kPattern);
  Metadata m;
  m.set(kPattern, by_default[0].value);
  EXPECT_THAT(*m.uint_list(kPattern), ElementsAre(1u, 1u, 1u, 0u, 1u, 1u));
  m.set("general.architecture", Value::text("gpt9"));
  EXPECT_THAT(layer_metadata(m), IsEmpty());
}

TEST(LayerMetadata, WhatIsNotKnownToAnyArchitectureIsSaid) {
  Metadata m;
  m.set("general.architecture", Value::text("gpt9"));
  m.set("gpt9.block_count", Value::u32(6));
  m.set("gpt9.attention.sliding_window_pattern", Value::u32(6));
  m.set("gpt9.leading_dense_block_count", Value::u32(1));
  m.set("gpt9.nextn_predict_layers", Value::u32(0));
  const std::vector<int> layers = {2};
  EXPECT_THAT(prune_warnings(layers, {}, m),
              ElementsAre(HasSubstr("gpt9.attention.sliding_window_pattern"),
                          HasSubstr("gpt9.leading_dense_block_count")));
  EXPECT_THAT(prune_warnings({}, {}, m), IsEmpty());
  const MetadataEntry known[] = {{"gpt9.attention.sliding_window_pattern", flags({1})}};
  EXPECT_THAT(prune_warnings(layers, known, m), ElementsAre(HasSubstr("leading_dense")));
}

}  // namespace
}  // namespace lathe
