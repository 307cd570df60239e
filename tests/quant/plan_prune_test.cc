// Pruning in plans: the survivors keep their own data, recipes see the model that remains.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/tiers.h"
#include "quant/pipeline/quantize.h"
#include "quant/plan/layer_list.h"
#include "quant/plan/plan.h"
#include "quant/plan/prune_metadata.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/plan_models.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(LayerList, NumbersAndRanges) {
  const auto parse = [](const char* text) { return parse_layer_list(text, 40, "--prune-layers"); };
  EXPECT_THAT(parse("4,5,10-12"), ElementsAre(4, 5, 10, 11, 12));
  EXPECT_THAT(parse("5,4,4-6, 5 - 7"), ElementsAre(4, 5, 6, 7));
  EXPECT_THAT(parse("39"), ElementsAre(39));
  EXPECT_THAT(parse("0-39").size(), 40u);
  for (const char* text : {"", ",", "4,", ",4", "4,,5", "a", "4-", "-4", "-", "5-4", "4--5", "+4",
                           "4.5", "0x4", "4-5-6", "99999999999"}) {
    EXPECT_THROW(parse(text), Error) << text;
  }
  try {
    parse("4,38-41");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    EXPECT_STREQ(error.what(),
                 "--prune-layers '4,38-41': there is no layer 40; the model has layers 0 to 39");
  }
}

TEST(LayerList, Text) {
  const auto text = [](std::vector<int> layers) { return layer_list_text(layers); };
  EXPECT_EQ(text({}), "");
  EXPECT_EQ(text({3}), "3");
  EXPECT_EQ(text({3, 4}), "3,4");
  EXPECT_EQ(text({0, 1, 2, 5, 7, 8, 9}), "0-2,5,7-9");
}

TEST(Prune, NamesOfSurvivors) {
  const std::vector<int> pruned = {0, 4, 5};
  const auto name = [&](const char* tensor) {
    return name_after_pruning(tensor, pruned).value_or("gone");
  };
  EXPECT_EQ(name("blk.0.attn_q.weight"), "gone");
  EXPECT_EQ(name("blk.1.attn_q.weight"), "blk.0.attn_q.weight");
  EXPECT_EQ(name("blk.3.attn_q.weight"), "blk.2.attn_q.weight");
  EXPECT_EQ(name("blk.4.attn_q.weight"), "gone");
  EXPECT_EQ(name("blk.6.attn_q.weight"), "blk.3.attn_q.weight");
  EXPECT_EQ(name("blk.12.nextn.eh_proj.weight"), "blk.9.nextn.eh_proj.weight");
  EXPECT_EQ(name("token_embd.weight"), "token_embd.weight");
  EXPECT_EQ(name("blk.x.weight"), "blk.x.weight");
}

// The model as a file that was pruned before: survivors, renumbered.
ModelHeader pruned_model(const ModelHeader& model, const std::vector<int>& pruned) {
  ModelHeader out = model;
  out.n_layer -= static_cast<int>(pruned.size());
  out.tensors.clear();
  int next = 0;
  for (int layer = -1; layer < model.n_layer; ++layer) {
    if (std::count(pruned.begin(), pruned.end(), layer) > 0) continue;
    for (TensorInfo t : model.tensors) {
      if (layer_of_tensor(t.name) != layer) continue;
      if (layer >= 0) {
        t.name = "blk." + std::to_string(next) + t.name.substr(t.name.find('.', 4));
      }
      out.tensors.push_back(std::move(t));
    }
    next += layer >= 0 ? 1 : 0;
  }
  return out;
}

TEST(Prune, IsQuantizingTheFileThatWasPrunedBefore) {
  for (const int n_layer : {8, 32, 40, 81}) {
    const ModelHeader model = test::model_header({.n_layer = n_layer, .n_head = 8, .n_head_kv = 2});
    for (const std::vector<int>& pruned :
         {std::vector{4, 5}, {0}, {0, 1, 2}, {n_layer - 1}, {3, 1, 7}}) {
      const ModelHeader after = pruned_model(model, pruned);
      for (const Recipe& recipe : all_recipes()) {
        const Plan direct = make_plan(model, {.recipe = &recipe, .prune_layers = pruned});
        const Plan two_steps = make_plan(after, {.recipe = &recipe});
        ASSERT_EQ(direct.tensors.size(), two_steps.tensors.size());
        for (std::size_t i = 0; i < direct.tensors.size(); ++i) {
          const PlannedTensor& a = direct.tensors[i];
          const PlannedTensor& b = two_steps.tensors[i];
          EXPECT_EQ(a.name, b.name);
          EXPECT_EQ(a.format, b.format) << recipe.name << ' ' << a.name;
          EXPECT_EQ(a.reason, b.reason) << recipe.name << ' ' << a.name;
          EXPECT_EQ(a.needs_importance, b.needs_importance);
        }
        EXPECT_EQ(direct.bytes(), two_steps.bytes());
      }
    }
  }
}

TEST(Prune, SurvivorsComeFromTheirOwnSource) {
  const Plan plan =
      make_plan(test::model_header({}), {.recipe = find_recipe("Q8_0"), .prune_layers = {3, 2, 3}});
  EXPECT_THAT(plan.pruned_layers, ElementsAre(2, 3));
  std::vector<std::pair<int, int>> layers;
  for (const PlannedTensor& t : plan.tensors) {
    if (t.name.ends_with("attn_v.weight")) {
      layers.emplace_back(layer_of_tensor(t.name), layer_of_tensor(t.source.name));
    }
  }
  EXPECT_THAT(layers, ElementsAre(std::pair(0, 0), std::pair(1, 1), std::pair(2, 4),
                                  std::pair(3, 5), std::pair(4, 6), std::pair(5, 7)));
}

TEST(Prune, RulesMeanTheOriginalNumbersUnlessAskedOtherwise) {
  PlanRequest request{.recipe = find_recipe("Q4_K_M"), .prune_layers = {0, 1}};
  request.rules = {parse_type_rule("blk\\.[0-3]\\.attn_v=q8_0", "--tensor-type")};
  const auto sources_with_q8 = [&] {
    std::vector<int> layers;
    for (const PlannedTensor& t : make_plan(test::model_header({}), request).tensors) {
      if (t.format == Format::Q8_0) layers.push_back(layer_of_tensor(t.source.name));
    }
    return layers;
  };
  EXPECT_THAT(sources_with_q8(), ElementsAre(2, 3));
  EXPECT_EQ(make_plan(test::model_header({}), request).rule_reports.at(0).text(),
            "--tensor-type blk\\.[0-3]\\.attn_v=q8_0: 2 tensors, original layers 2,3 (new 0,1)");
  request.rules_after_prune = true;
  EXPECT_THAT(sources_with_q8(), ElementsAre(2, 3, 4, 5));
  EXPECT_EQ(make_plan(test::model_header({}), request).rule_reports.at(0).text(),
            "--tensor-type blk\\.[0-3]\\.attn_v=q8_0: 4 tensors, original layers 2-5 (new 0-3)");
}

TEST(Prune, ARuleForAPrunedLayerOnlyMatchesNothing) {
  PlanRequest request{.recipe = find_recipe("Q4_K_M"), .prune_layers = {3}};
  request.rules = {parse_type_rule("blk\\.3\\.=q8_0", "--tensor-type")};
  EXPECT_TRUE(make_plan(test::model_header({}), request).rule_reports.at(0).without_effect());
}

TEST(Prune, RefusesWhatCannotBe) {
  const auto prune = [](std::vector<int> layers) {
    return make_plan(test::model_header({}),
                     {.recipe = find_recipe("Q8_0"), .prune_layers = std::move(layers)});
  };
  EXPECT_THROW(prune({8}), Error);
  EXPECT_THROW(prune({-1}), Error);
  EXPECT_THROW(prune({0, 1, 2, 3, 4, 5, 6, 7}), Error);
  EXPECT_EQ(prune({0, 1, 2, 3, 4, 5, 6}).tensors.size(), 3u + 8u);
}

TEST(Prune, RecipesSeeTheHeadsOfTheFirstLayerThatRemains) {
  ModelHeader model = test::model_header({.n_head = 8, .n_head_kv = 8});
  model.layer_heads_kv = {8, 2, 2, 2, 2, 2, 2, 2};  // grouped queries from layer 1 on
  const auto attn_v = [&](std::vector<int> pruned) {
    const Plan plan =
        make_plan(model, {.recipe = find_recipe("Q2_K"), .prune_layers = std::move(pruned)});
    return test::format_in(plan, "blk.5.attn_v.weight");
  };
  EXPECT_EQ(attn_v({}), Format::Q3_K);
  EXPECT_EQ(attn_v({0}), Format::Q4_K);
  EXPECT_EQ(attn_v({1}), Format::Q3_K);
}

Metadata metadata_of_four_layers() {
  Metadata m("m");
  m.set("general.architecture", Value::text("any"));
  m.set("any.block_count", Value::u16(4));
  m.set("any.embedding_length", Value::u32(4));
  const std::vector<std::uint32_t> heads = {8, 7, 6, 5};
  m.set("any.attention.head_count", Value::array<std::uint32_t>(heads));
  const std::byte flags[] = {std::byte{1}, std::byte{0}, std::byte{1}, std::byte{1}};
  m.set("any.attention.sliding_window_pattern", Value::raw_array(ValueType::kBool, flags));
  StringList names;
  for (const char* name : {"a", "b", "c", "d"}) names.push_back(name);
  m.set("any.layer_types", Value::strings(names));
  const std::vector<std::int32_t> sections = {16, 24, 24, 0};
  m.set("any.rope.dimension_sections", Value::array<std::int32_t>(sections));
  m.set("other.of_four", Value::array<std::uint32_t>(heads));
  m.set("any.of_two", Value::array<std::uint32_t>(std::span(heads).first(2)));
  return m;
}

TEST(PruneMetadata, SlicesWhatIsPerLayerAndNothingElse) {
  Metadata m = metadata_of_four_layers();
  prune_metadata(std::vector{0, 2}, {}, m);
  EXPECT_EQ(m.uint("any.block_count"), 2u);
  EXPECT_EQ(m.find("any.block_count")->type(), ValueType::kU16);
  EXPECT_EQ(m.uint("any.embedding_length"), 4u);
  EXPECT_THAT(*m.u32_array("any.attention.head_count"), ElementsAre(7u, 5u));
  EXPECT_THAT(*m.uint_list("any.attention.sliding_window_pattern"), ElementsAre(0u, 1u));
  const StringList& types = *m.string_array("any.layer_types");
  ASSERT_EQ(types.size(), 2u);
  EXPECT_EQ(types[0], "b");
  EXPECT_EQ(types[1], "d");
  EXPECT_EQ(m.i32_array("any.rope.dimension_sections")->size(), 4u);
  EXPECT_EQ(m.u32_array("other.of_four")->size(), 4u);
  EXPECT_EQ(m.u32_array("any.of_two")->size(), 2u);
}

TEST(PruneMetadata, NothingToDo) {
  Metadata m = metadata_of_four_layers();
  prune_metadata({}, {}, m);
  EXPECT_EQ(m.uint("any.block_count"), 4u);
  m.erase("any.block_count");
  prune_metadata(std::vector{0}, {}, m);
  EXPECT_FALSE(m.has("any.block_count"));
  EXPECT_EQ(m.u32_array("any.attention.head_count")->size(), 4u);
}

// The defect that other programs had for a year: survivors with the bytes of their neighbours.
TEST(Prune, EverySurvivorOfTheFileEqualsItsSource) {
  const GgufFile source = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
  const Plan plan =
      make_plan(read_model_header(source), {.recipe = find_recipe("F16"), .prune_layers = {2, 3}});
  const TempDir dir;
  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  ThreadPool pool({.n_threads = 2, .pin = false});
  quantize({source, plan, nullptr, dir.file("pruned.gguf")}, kernels, pool);
  const GgufFile pruned = GgufFile::open(dir.file("pruned.gguf"));
  EXPECT_EQ(pruned.metadata().uint("llama.block_count"), 6u);
  int n_compared = 0;
  for (const TensorInfo& t : pruned.tensors()) {
    static constexpr int kOriginal[] = {0, 1, 4, 5, 6, 7};
    const int layer = layer_of_tensor(t.name);
    std::string name = t.name;
    if (layer >= 0) {
      ASSERT_LT(layer, 6);
      name = "blk." + std::to_string(kOriginal[layer]) + t.name.substr(5);
    }
    EXPECT_TRUE(std::ranges::equal(pruned.data(t), source.data(source.require(name)))) << t.name;
    ++n_compared;
  }
  EXPECT_EQ(n_compared, 2 + 6 * 9);
}

// Importance that is another for every layer: with that of a neighbour the bytes would differ.
TEST(Prune, EverySurvivorIsEncodedWithItsOwnImportance) {
  const GgufFile source = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
  const ModelHeader model = read_model_header(source);
  Imatrix imatrix;
  for (const TensorInfo& t : source.tensors()) {
    const int layer = layer_of_tensor(t.name);
    if (layer < 0 || !is_quantizable(t)) continue;
    std::vector<float> sums;
    for (std::uint64_t c = 0; c < t.cols(); ++c) {
      sums.push_back((c + static_cast<std::uint64_t>(layer)) % 5 == 0 ? 100.0f : 1.0f);
    }
    imatrix.entries[t.name] = {t.cols(), std::move(sums), {1.0f}};
  }
  PlanRequest request{.recipe = find_recipe("Q3_K_S"), .imatrix = true, .pure = true};
  const Plan whole = make_plan(model, request);
  request.prune_layers = {2, 3};
  const Plan pruned = make_plan(model, request);
  const TempDir dir;
  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  ThreadPool pool({.n_threads = 2, .pin = false});
  quantize({source, whole, &imatrix, dir.file("whole.gguf")}, kernels, pool);
  quantize({source, pruned, &imatrix, dir.file("pruned.gguf")}, kernels, pool);
  const GgufFile a = GgufFile::open(dir.file("whole.gguf"));
  const GgufFile b = GgufFile::open(dir.file("pruned.gguf"));
  for (const PlannedTensor& t : pruned.tensors) {
    EXPECT_TRUE(std::ranges::equal(b.data(b.require(t.name)), a.data(a.require(t.source.name))))
        << t.name;
  }
  // The wrong importance shows in these bytes.
  Imatrix shifted = imatrix;
  shifted.entries["blk.4.attn_q.weight"] = imatrix.entries["blk.2.attn_q.weight"];
  quantize({source, pruned, &shifted, dir.file("shifted.gguf")}, kernels, pool);
  const GgufFile c = GgufFile::open(dir.file("shifted.gguf"));
  EXPECT_FALSE(std::ranges::equal(c.data(c.require("blk.2.attn_q.weight")),
                                  b.data(b.require("blk.2.attn_q.weight"))));
}

}  // namespace
}  // namespace lathe
