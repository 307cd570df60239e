// Plans against the tensor types that the peer program chooses (tests/golden/mixes.json), and the
// rules that are lathe's own.
#include "quant/plan/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "tests/support/golden.h"
#include "tests/support/plan_models.h"

namespace lathe {
namespace {

using nlohmann::json;
using test::planned;

ModelHeader model_of(const json& config) {
  return test::model_header({.n_layer = config["n"],
                             .n_head = config["n_head"],
                             .n_head_kv = config["n_head_kv"],
                             .tied = config["tied"],
                             .n_embd = config["n_embd"],
                             .n_ff = config["n_ff"]});
}

std::string upper_name(Format format) {
  std::string name(format_name(format));
  std::transform(name.begin(), name.end(), name.begin(), ::toupper);
  return name;
}

TEST(Plan, ChoosesWhatThePeerChooses) {
  const std::vector<char> bytes = test::read_bytes(test::golden_path("mixes.json"));
  const json golden = json::parse(bytes.begin(), bytes.end());
  std::map<std::string, ModelHeader> models;
  for (const json& config : golden["configs"]) models[config["tag"]] = model_of(config);
  int n_checked = 0;
  for (const json& c : golden["cases"]) {
    const std::string recipe = c["ftype"];
    ASSERT_NE(find_recipe(recipe), nullptr) << recipe;
    const ModelHeader& model = models.at(c["config"]);
    const Plan plan = make_plan(model, {.recipe = find_recipe(recipe), .imatrix = c["imatrix"]});
    for (const auto& [name, want] : c["types"].items()) {
      const bool global = name == "token_embd" || name == "output";
      for (int i = 0; i < (global ? 1 : model.n_layer); ++i) {
        const std::string full =
            (global ? "" : "blk." + std::to_string(i) + ".") + name + ".weight";
        const std::string type = want.is_array() ? want[i] : want;
        EXPECT_EQ(upper_name(planned(plan, full).format), type)
            << c["config"] << ' ' << recipe << " imatrix " << c["imatrix"] << ' ' << full;
        ++n_checked;
      }
    }
  }
  EXPECT_GT(n_checked, 50000);
}

ModelHeader small_model(bool tied) { return test::model_header({.tied = tied}); }

// Shapes that the golden file has no case of, put together from those that it has: what a layer
// gets does not depend on tied embeddings, what embeddings get not on the number of heads.
TEST(Plan, FullSizedShapes) {
  const test::ModelShape shapes[] = {
      {.n_layer = 32, .n_head = 32, .n_head_kv = 32, .n_embd = 4096, .n_ff = 11008},  // 7B
      {.n_layer = 32, .n_head = 32, .n_head_kv = 8, .n_embd = 4096, .n_ff = 14336},   // 8B
  };
  const std::vector<char> bytes = test::read_bytes(test::golden_path("mixes.json"));
  const json golden = json::parse(bytes.begin(), bytes.end());
  int n_checked = 0;
  for (const json& c : golden["cases"]) {
    const bool grouped = c["config"] == "n32_gqa4_untied";
    if (!grouped && c["config"] != "n32_gqa1_tied") continue;
    const std::string recipe = c["ftype"];
    const Plan plan = make_plan(test::model_header(shapes[grouped ? 1 : 0]),
                                {.recipe = find_recipe(recipe), .imatrix = c["imatrix"]});
    for (const auto& [name, want] : c["types"].items()) {
      const bool global = name == "token_embd" || name == "output";
      if (global && !grouped) continue;
      for (int i = 0; i < (global ? 1 : 32); ++i) {
        const std::string full =
            (global ? "" : "blk." + std::to_string(i) + ".") + name + ".weight";
        EXPECT_EQ(upper_name(planned(plan, full).format), want.is_array() ? want[i] : want)
            << recipe << ' ' << full;
        ++n_checked;
      }
    }
  }
  EXPECT_GT(n_checked, 20000);
}

// reference/mixes.md 3.1 to 4: no golden case has them.
TEST(Plan, TernaryRecipes) {
  for (const auto& [name, format] : {std::pair{"TQ1_0", Format::TQ1_0}, {"TQ2_0", Format::TQ2_0}}) {
    const Plan plan = make_plan(small_model(false), {.recipe = find_recipe(name)});
    for (const PlannedTensor& t : plan.tensors) {
      const Format want = t.source.name == "output.weight"       ? Format::Q6_K
                          : t.source.name == "token_embd.weight" ? Format::Q4_K
                          : is_quantizable(t.source)             ? format
                                                                 : Format::F32;
      EXPECT_EQ(t.format, want) << name << ' ' << t.source.name;
      EXPECT_FALSE(t.needs_importance);
    }
    EXPECT_EQ(format_for_row(format, 288), Format::Q4_0);
  }
}

TEST(Plan, DoesNotDependOnTheOrderOfTensors) {
  ModelHeader model = small_model(true);
  const Plan plan = make_plan(model, {.recipe = find_recipe("Q4_K_M")});
  std::reverse(model.tensors.begin(), model.tensors.end());
  const Plan reversed = make_plan(model, {.recipe = find_recipe("Q4_K_M")});
  for (const PlannedTensor& t : plan.tensors) {
    EXPECT_EQ(planned(reversed, t.source.name).format, t.format) << t.source.name;
  }
}

TEST(Plan, NormsAndBiasesAreKept) {
  ModelHeader model = small_model(true);
  model.tensors.push_back(test::tensor_info("blk.0.attn_q.bias", 256, 1));
  model.tensors.push_back(test::tensor_info("rope_freqs.weight", 32, 1));
  const Plan plan = make_plan(model, {.recipe = find_recipe("Q8_0")});
  for (const char* name :
       {"output_norm.weight", "blk.3.attn_norm.weight", "blk.0.attn_q.bias", "rope_freqs.weight"}) {
    EXPECT_TRUE(planned(plan, name).copied()) << name;
    EXPECT_EQ(planned(plan, name).n_bytes, planned(plan, name).source.n_bytes) << name;
  }
}

TEST(Plan, ExplicitFormatsWin) {
  const PlanRequest request{.recipe = find_recipe("Q4_K_M"),
                            .output_format = Format::Q8_0,
                            .embedding_format = Format::Q5_K};
  const Plan untied = make_plan(small_model(false), request);
  EXPECT_EQ(planned(untied, "output.weight").format, Format::Q8_0);
  EXPECT_EQ(planned(untied, "token_embd.weight").format, Format::Q5_K);
  EXPECT_EQ(planned(untied, "token_embd.weight").reason, "--token-embedding-type q5_K");
  const Plan tied = make_plan(small_model(true), request);
  EXPECT_EQ(planned(tied, "token_embd.weight").format, Format::Q5_K);
  const Plan only_output =
      make_plan(small_model(true), {.recipe = find_recipe("F16"), .output_format = Format::Q8_0});
  EXPECT_EQ(planned(only_output, "token_embd.weight").format, Format::Q8_0);
}

TEST(Plan, PureKeepsToTheBaseExceptForExplicitFormats) {
  const Plan plan =
      make_plan(small_model(false),
                {.recipe = find_recipe("Q4_K_M"), .pure = true, .output_format = Format::F16});
  EXPECT_EQ(planned(plan, "output.weight").format, Format::F16);
  for (const PlannedTensor& t : plan.tensors) {
    if (is_quantizable(t.source) && t.source.name != "output.weight") {
      EXPECT_EQ(t.format, Format::Q4_K) << t.source.name;
    }
  }
}

TEST(Plan, RowsThatDoNotFitFallBackAndSaySo) {
  EXPECT_EQ(format_for_row(Format::Q4_K, 256), Format::Q4_K);
  EXPECT_EQ(format_for_row(Format::Q4_K, 288), Format::Q5_0);
  EXPECT_EQ(format_for_row(Format::Q6_K, 288), Format::Q8_0);
  EXPECT_EQ(format_for_row(Format::Q6_K, 300), Format::F16);
  EXPECT_EQ(format_for_row(Format::Q8_0, 300), Format::F16);
  EXPECT_EQ(format_for_row(Format::IQ3_S, 64), Format::IQ4_NL);
  EXPECT_EQ(format_for_row(Format::F16, 3), Format::F16);
  ModelHeader model = small_model(true);
  model.tensors.push_back(test::tensor_info("blk.1.ffn_up.extra.weight", 288, 64));
  const PlannedTensor t =
      planned(make_plan(model, {.recipe = find_recipe("Q4_K_M")}), "blk.1.ffn_up.extra.weight");
  EXPECT_TRUE(t.fallback);
  EXPECT_EQ(t.format, Format::Q5_0);
  EXPECT_THAT(t.reason, testing::HasSubstr("q4_K does not fit rows of 288"));
}

TEST(Plan, SaysWhichTensorsNeedImportance) {
  const ModelHeader model = small_model(true);
  const auto count = [&](const char* recipe) {
    const Plan plan = make_plan(model, {.recipe = find_recipe(recipe)});
    return std::count_if(plan.tensors.begin(), plan.tensors.end(),
                         [](const PlannedTensor& t) { return t.needs_importance; });
  };
  EXPECT_EQ(count("Q4_K_M"), 0);
  EXPECT_EQ(count("Q2_K"), 0);
  EXPECT_GT(count("Q2_K_S"), 0);
  EXPECT_GT(count("IQ2_XXS"), 0);
  EXPECT_EQ(count("IQ3_S"), 0);
}

TEST(Recipe, NamesInAnyCaseAndShortNames) {
  EXPECT_EQ(find_recipe("q4_k_m"), find_recipe("Q4_K_M"));
  EXPECT_EQ(find_recipe("Q4_K"), find_recipe("Q4_K_M"));
  EXPECT_EQ(find_recipe("q5_k")->name, "Q5_K_M");
  EXPECT_EQ(find_recipe("Q3_k")->name, "Q3_K_M");
  EXPECT_EQ(find_recipe("Q9_K"), nullptr);
  EXPECT_EQ(find_recipe(""), nullptr);
}

TEST(ModelHeader, OrderOfTensors) {
  std::vector<std::string> names = {"blk.10.attn_k.weight", "blk.2.ffn_up.weight",
                                    "token_embd.weight",    "blk.2.attn_norm.weight",
                                    "output.weight",        "blk.x.weight"};
  std::sort(names.begin(), names.end(), tensor_order_less);
  EXPECT_THAT(names, testing::ElementsAre("blk.x.weight", "output.weight", "token_embd.weight",
                                          "blk.2.attn_norm.weight", "blk.2.ffn_up.weight",
                                          "blk.10.attn_k.weight"));
  EXPECT_EQ(layer_of_tensor("blk.12.attn_q.weight"), 12);
  EXPECT_EQ(layer_of_tensor("blk.99999999999.x"), -1);
  EXPECT_EQ(layer_of_tensor("blk."), -1);
}

}  // namespace
}  // namespace lathe
