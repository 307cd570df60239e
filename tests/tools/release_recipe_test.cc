// What a release's TOML file may say, and what is said of one that is wrong.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"
#include "tools/jobs/release/nearest_recipe.h"
#include "tools/jobs/release/recipe.h"
#include "tools/jobs/release/toml_file.h"

namespace lathe {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ReleaseRecipeFile : public testing::Test {
 protected:
  ReleaseRecipeFile() {
    for (const char* name : {"m.gguf", "cal.txt", "eval.txt", "rules.txt", "plan.json"}) {
      std::ofstream(dir_.file(name)) << "x";
    }
  }
  // Two lines, so that what follows begins on line 3.
  static std::string top() { return "source = \"m.gguf\"\noutput = \"out\"\n"; }

  std::vector<ReleaseRecipe> read_all(const std::string& text) const {
    std::ofstream(dir_.file("r.toml")) << text;
    return read_release_recipes(dir_.file("r.toml"));
  }
  ReleaseRecipe read(const std::string& text) const { return read_all(text).front(); }
  std::string refusal(const std::string& text) const {
    return message_of([&] { read(text); }, ErrorKind::kBadInput);
  }

  TempDir dir_;
};

TEST_F(ReleaseRecipeFile, SaysAll) {
  const ReleaseRecipe r = read(top() + R"(
name = "mine"
recipes = ["Q8_0", "q4_k"]
[card]
license = "mit"
language = "en"
tags = ["a", "b"]
[calibration]
texts = ["cal.txt"]
context = 64
chunks = 3
[evaluation]
texts = ["eval.txt"]
arc = ["eval.txt", "cal.txt"]
tasks = 20
seed = 7
[speed]
measure = false
[[variant]]
name = "small"
recipe = "Q3_K_S"
rules = ["attn_v=q8_0"]
rules_file = "rules.txt"
prune_layers = [4, "6-7"]
naive = "none"
[[variant]]
plan = "plan.json"
naive = "IQ4_XS"
)");
  EXPECT_EQ(r.source, dir_.file("m.gguf"));
  EXPECT_EQ(r.output, dir_.file("out"));
  EXPECT_EQ(r.card.license, "mit");
  EXPECT_THAT(r.card.language, ElementsAre("en"));
  EXPECT_THAT(r.card.tags, ElementsAre("a", "b"));
  EXPECT_THAT(r.calibration.texts, ElementsAre(dir_.file("cal.txt")));
  EXPECT_EQ(r.calibration.n_ctx, 64u);
  EXPECT_EQ(r.calibration.max_chunks, 3u);
  ASSERT_EQ(r.texts.size(), 1u);
  EXPECT_EQ(r.texts[0].name, "eval");
  EXPECT_EQ(r.texts[0].n_ctx, 512u);
  EXPECT_EQ(r.tasks.files[0].size(), 2u);
  EXPECT_EQ(r.tasks.n_tasks, 20u);
  EXPECT_EQ(r.tasks.seed, 7u);
  EXPECT_FALSE(r.speed.measure);
  ASSERT_EQ(r.variants.size(), 4u);
  EXPECT_EQ(r.variants[1].name, "Q4_K_M");
  EXPECT_TRUE(r.variants[1].is_plain());
  EXPECT_EQ(r.variants[2].prune_layers, "4,6-7");
  EXPECT_EQ(r.variants[2].rules.size(), 2u);
  EXPECT_EQ(r.variants[2].naive, NaiveChoice::kNone);
  EXPECT_FALSE(r.variants[2].is_plain());
  EXPECT_EQ(r.variants[3].name, "plan");
  EXPECT_EQ(r.variants[3].naive_recipe, "IQ4_XS");
}

TEST_F(ReleaseRecipeFile, NamesKeyAndLine) {
  const std::string variant = top() + "[[variant]]\nrecipe = \"Q4_0\"\n";
  EXPECT_THAT(refusal("output = \"x\"\n"), HasSubstr("source: is missing"));
  EXPECT_THAT(refusal("source = \"none.gguf\"\n"),
              AllOf(HasSubstr("r.toml, line 1: source"), HasSubstr("there is no")));
  EXPECT_THAT(refusal(top()), HasSubstr("no variants"));
  EXPECT_THAT(refusal(top() + "recipes = [\"Q4_0\", \"Q9\"]\n"),
              AllOf(HasSubstr("line 3: recipes: 'Q9' is no recipe"), HasSubstr("Q4_K_M")));
  EXPECT_THAT(refusal(variant + "prun = 4\n"),
              HasSubstr("line 5: unknown key 'prun' of [[variant]] 1, is it prune?"));
  EXPECT_THAT(refusal(variant + "prune = 0\n"), HasSubstr("0 is not from 1"));
  EXPECT_THAT(refusal(variant + "prune = 1\n"), HasSubstr("needs texts of [calibration]"));
  EXPECT_THAT(refusal(variant + "prune = 1\nprune_layers = [2]\n"),
              HasSubstr("leave one of them out"));
  EXPECT_THAT(refusal(top() + "[[variant]]\nsize = \"big\"\n"),
              HasSubstr("or a recipe whose size it is, found 'big'"));
  EXPECT_THAT(refusal(variant + "ruels = []\n"),
              HasSubstr("'ruels' of [[variant]] 1, is it rules?"));
  EXPECT_THAT(refusal(top() + "recipes = \"Q4_0\"\n[evaluation]\ncontext = \"512\"\n"),
              HasSubstr("line 5: context of [evaluation]: expected a whole number, found a text"));
  EXPECT_THAT(refusal(top() + "recipes = \"Q4_0\"\n[evaluation]\ncontext = -1\n"),
              HasSubstr("-1 is not from 8"));
  EXPECT_THAT(refusal(variant + "plan = \"plan.json\"\n"),
              HasSubstr("one of recipe, plan and size"));
  EXPECT_THAT(refusal(variant + "rules = [\"attn_v\"]\n"),
              HasSubstr("line 5: rules of [[variant]] 1"));
  EXPECT_THAT(refusal(variant + "name = \"../x\"\n"), HasSubstr("cannot be part of a file's name"));
  EXPECT_THAT(refusal(variant + "[[variant]]\nrecipe = \"Q4_0\"\n"),
              HasSubstr("two variants are called 'Q4_0'"));
  EXPECT_THAT(refusal(top() + "[[variant]]\nplan = \"plan.json\"\npure = true\n"),
              HasSubstr("line 5: pure of [[variant]] 1: the plan decides that"));
  EXPECT_THAT(refusal(variant + "heal = true\n"), HasSubstr("heal of [[variant]] 1"));
  EXPECT_THAT(refusal(top() + "recipes = [\n"), HasSubstr("no TOML"));
  EXPECT_THAT(refusal(top() + "card = 3\nrecipes = \"Q4_0\"\n"),
              HasSubstr("line 3: [card]: expected a table, found a whole number"));
}

TEST_F(ReleaseRecipeFile, SaysWhatIsChosenByMeasure) {
  const ReleaseRecipe r = read(top() + R"(
[calibration]
texts = ["cal.txt"]
[[variant]]
recipe = "Q4_K_M"
name = "less"
prune = 2
heal = true
[[variant]]
size = "q4_k"
[[variant]]
size = "812MB"
)");
  EXPECT_EQ(r.variants[0].prune, 2);
  EXPECT_TRUE(r.variants[0].heal);
  EXPECT_FALSE(r.variants[0].is_plain());
  EXPECT_EQ(r.variants[1].size_of, "Q4_K_M");
  EXPECT_EQ(r.variants[1].name, "Q4_K_M-planned");
  EXPECT_TRUE(r.variants[1].is_sized());
  EXPECT_EQ(r.variants[2].size, 812'000'000u);
}

// Two models, one file: what stands outside of their tables is said of both.
TEST_F(ReleaseRecipeFile, DescribesSeveralModels) {
  std::ofstream(dir_.file("other-f16.gguf")) << "x";
  const auto all = read_all(R"(
output = "releases"
recipes = ["Q8_0"]
[card]
license = "mit"
tags = ["small"]
[calibration]
texts = ["cal.txt"]
[[variant]]
recipe = "Q4_0"
[[source]]
model = "m.gguf"
name = "mine"
imatrix = "eval.txt"
[source.card]
tags = ["mine"]
[[source.variant]]
name = "less"
recipe = "Q8_0"
prune_layers = [3]
[[source]]
model = "other-f16.gguf"
output = "elsewhere"
recipes = ["Q6_K"]
)");
  ASSERT_EQ(all.size(), 2u);
  const auto names = [](const ReleaseRecipe& r) {
    std::vector<std::string> out;
    for (const ReleaseVariant& variant : r.variants) out.push_back(variant.name);
    return out;
  };
  EXPECT_EQ(all[0].source, dir_.file("m.gguf"));
  EXPECT_EQ(all[0].output, dir_.file("releases/mine-GGUF"));
  EXPECT_EQ(all[0].calibration.imatrix, dir_.file("eval.txt"));
  EXPECT_EQ(all[0].card.license, "mit");
  EXPECT_THAT(all[0].card.tags, ElementsAre("mine"));
  EXPECT_THAT(names(all[0]), ElementsAre("Q8_0", "Q4_0", "less"));
  EXPECT_EQ(all[1].name, "other");
  EXPECT_EQ(all[1].output, dir_.file("elsewhere"));
  EXPECT_EQ(all[1].calibration.imatrix, "");
  EXPECT_EQ(all[1].calibration.texts, all[0].calibration.texts);
  EXPECT_THAT(all[1].card.tags, ElementsAre("small"));
  EXPECT_THAT(names(all[1]), ElementsAre("Q8_0", "Q4_0", "Q6_K"));
}

TEST_F(ReleaseRecipeFile, RefusesWhatIsNotOfSeveralModels) {
  const std::string sources = "[[source]]\nmodel = \"m.gguf\"\n";
  const std::string two = "output = \"o\"\nrecipes = \"Q8_0\"\n" + sources + sources;
  EXPECT_THAT(refusal(two), AllOf(HasSubstr("line 5: name of [[source]] 2"),
                                  HasSubstr("two sources would be released into")));
  EXPECT_THAT(refusal("recipes = \"Q8_0\"\n" + sources),
              HasSubstr("line 2: output of [[source]] 1: is missing"));
  EXPECT_THAT(refusal("name = \"x\"\n" + two), HasSubstr("give each [[source]] its own"));
  EXPECT_THAT(refusal("output = \"o\"\n" + sources), HasSubstr("no variants"));
  EXPECT_THAT(refusal("output = \"o\"\nrecipes = \"Q8_0\"\n[[source]]\nname = \"x\"\n"),
              HasSubstr("model of [[source]] 1: is missing"));
  EXPECT_THAT(refusal("output = \"o\"\nrecipes = \"Q8_0\"\n[calibration]\nimatrix = \"cal.txt\"\n" +
                      sources),
              HasSubstr("put it into its table [[source]]"));
  EXPECT_THAT(refusal("output = \"o\"\nrecipes = \"Q8_0\"\n" + sources + "modle = 1\n"),
              HasSubstr("unknown key 'modle' of [[source]] 1"));
}

TEST(TomlFile, RefusesWhatIsTooDeep) {
  const std::string deep = "a = " + std::string(200, '[') + std::string(200, ']') + "\n";
  EXPECT_THAT(message_of([&] { parse_toml(deep, "f"); }, ErrorKind::kBadInput),
              HasSubstr("f, line"));
}

TEST(TomlFile, FindsTheNearestName) {
  const std::set<std::string, std::less<>> names = {"recipe", "rules", "naive"};
  EXPECT_EQ(nearest_name("recpie", names), "recipe");
  EXPECT_EQ(nearest_name("rule", names), "rules");
  EXPECT_THAT(nearest_name("quantization", names), IsEmpty());
}

TEST(NearestRecipe, IsNearestInSize) {
  const auto bytes_of = [](const std::string& recipe) -> std::uint64_t {
    return recipe == "Q4_K_M" || recipe == "Q4_K_S" ? 1000 : recipe == "IQ2_M" ? 500 : 1300;
  };
  EXPECT_EQ(nearest_recipe(1010, "", true, bytes_of), "Q4_K_M");
  EXPECT_EQ(nearest_recipe(1010, "Q4_K_S", true, bytes_of), "Q4_K_S") << "its own first";
  EXPECT_EQ(nearest_recipe(510, "Q4_K_S", true, bytes_of), "IQ2_M");
  EXPECT_EQ(nearest_recipe(510, "Q4_K_S", false, bytes_of), "Q4_K_S") << "IQ2_M needs importance";
}

// The template is a recipe, and with its examples one, too.
TEST_F(ReleaseRecipeFile, TemplateIsARecipe) {
  for (const char* name : {"calibration.txt", "evaluation.txt", "we \"ird\\.gguf"}) {
    std::ofstream(dir_.file(name)) << "x";
  }
  const ReleaseRecipe r = read(release_template("we \"ird\\.gguf"));
  EXPECT_EQ(r.source, dir_.file("we \"ird\\.gguf"));
  EXPECT_EQ(r.variants.size(), 13u);
}

}  // namespace
}  // namespace lathe
