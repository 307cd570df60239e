// Explicit rules: what they match, what they win against, and what is said about them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "quant/plan/metadata_override.h"
#include "quant/plan/plan.h"
#include "runtime/base/error.h"
#include "tests/support/plan_models.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using test::format_in;
using test::planned;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

TypeRule rule(const std::string& text) { return parse_type_rule(text, "--tensor-type"); }

ModelHeader model(bool tied = false) { return test::model_header({.tied = tied}); }

Plan plan_with(std::vector<std::string> rules, PlanRequest request = {}, bool tied = false) {
  if (request.recipe == nullptr) request.recipe = find_recipe("Q4_K_M");
  for (const std::string& text : rules) request.rules.push_back(rule(text));
  return make_plan(model(tied), request);
}

const RuleReport& report_of(const Plan& plan, const std::string& rule) {
  for (const RuleReport& report : plan.rule_reports) {
    if (report.rule == rule) return report;
  }
  throw std::runtime_error("no report of " + rule);
}

template <typename F>
std::string error_of(F f, ErrorKind kind = ErrorKind::kUsage) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "no error";
}

// ---- what a pattern means

TEST(TypeRule, SearchesAnywhereInTheWholeName) {
  EXPECT_TRUE(rule("attn_v=q6_k").matches("blk.3.attn_v.weight"));
  EXPECT_TRUE(rule("\\.([0-9]|1[01257]|31)\\.attn_k=q4_k").matches("blk.17.attn_k.weight"));
  EXPECT_FALSE(rule("\\.([0-9]|1[01257]|31)\\.attn_k=q4_k").matches("blk.13.attn_k.weight"));
  EXPECT_TRUE(rule("^output=q8_0").matches("output.weight"));
  EXPECT_FALSE(rule("^output=q8_0").matches("blk.0.attn_output.weight"));
  EXPECT_TRUE(rule("blk\\.(?!0\\.)=q8_0").matches("blk.1.ffn_up.weight"));
}

TEST(TypeRule, PatternsAreLowerCasedAndTypesInAnyCase) {
  EXPECT_TRUE(rule("ATTN_V=Q6_K").matches("blk.3.attn_v.weight"));
  EXPECT_EQ(rule("a=Q6_K").format, Format::Q6_K);
  EXPECT_EQ(rule("a=q6_k").format, Format::Q6_K);
  EXPECT_EQ(rule("a=iQ4_nl").format, Format::IQ4_NL);
  EXPECT_EQ(rule("a=bf16").format, Format::BF16);
  // So a class of the other case is the class itself, as with the llama.cpp tools.
  EXPECT_TRUE(rule("blk\\.\\D\\.=q4_0").matches("blk.3.attn_v.weight"));
}

TEST(TypeRule, IsSplitAtItsFirstEqualsSign) {
  EXPECT_THAT(error_of([] { rule("attn(?=_v)=q4_k"); }),
              AllOf(HasSubstr("attn(?=_v)=q4_k"), HasSubstr("'_v)=q4_k' is no type")));
}

TEST(TypeRule, MistakesNameTheRule) {
  EXPECT_THAT(error_of([] { rule("attn_v"); }),
              AllOf(HasSubstr("--tensor-type attn_v"), HasSubstr("PATTERN=TYPE")));
  EXPECT_THAT(error_of([] { rule("=q4_k"); }), HasSubstr("no pattern"));
  EXPECT_THAT(error_of([] { rule("attn_v="); }), HasSubstr("'' is no type"));
  EXPECT_THAT(error_of([] { rule("attn_v=q9"); }), AllOf(HasSubstr("'q9'"), HasSubstr("iq4_xs")));
  EXPECT_THAT(error_of([] { rule("attn_v=q4_k_m"); }), HasSubstr("is a recipe"));
  EXPECT_THAT(error_of([] { rule("attn_(v=q4_k"); }),
              AllOf(HasSubstr("--tensor-type attn_(v=q4_k"), HasSubstr("regular expression")));
}

TEST(TypeRule, FilesHoldRulesBetweenWhiteSpace) {
  const auto rules =
      parse_type_rules("attn_v=q6_k  ffn=q4_k\n\n# a note = q4\n\tblk\\.1=f16 #x\n", "rules.txt");
  ASSERT_EQ(rules.size(), 3u);
  EXPECT_EQ(rules[0].label, "rules.txt:1 attn_v=q6_k");
  EXPECT_EQ(rules[1].format, Format::Q4_K);
  EXPECT_EQ(rules[2].label, "rules.txt:4 blk\\.1=f16");
  EXPECT_TRUE(parse_type_rules("", "f").empty());
  EXPECT_THAT(
      error_of([] { parse_type_rules("a=q4_0\nb=q4_0 c=q\n", "rules.txt"); }, ErrorKind::kBadInput),
      AllOf(HasSubstr("rules.txt:2"), HasSubstr("c=q")));
  EXPECT_THAT(error_of([] { read_type_rules("/nonexistent/rules"); }, ErrorKind::kBadInput),
              HasSubstr("/nonexistent/rules"));
  const TempDir dir;
  std::ofstream(dir.file("r")) << "attn_v=q6_k";
  EXPECT_EQ(read_type_rules(dir.file("r")).size(), 1u);
}

// ---- what wins

TEST(Rules, ReachEveryTensorThatMayChange) {
  const Plan plan = plan_with({"weight=iq4_nl"});
  for (const PlannedTensor& t : plan.tensors) {
    EXPECT_EQ(t.format, is_quantizable(t.source) ? Format::IQ4_NL : t.source.format)
        << t.source.name;
  }
}

TEST(Rules, WinAlsoWhenTheyNameTheBase) {
  // Layer 0 of Q4_K_M gets Q6_K for attn_v and ffn_down; the rule says the base, Q4_K.
  const Plan plan = plan_with({"attn_v=q4_k", "ffn_down=q4_k"});
  EXPECT_EQ(format_in(plan_with({}), "blk.0.attn_v.weight"), Format::Q6_K);
  EXPECT_EQ(format_in(plan, "blk.0.attn_v.weight"), Format::Q4_K);
  EXPECT_EQ(format_in(plan, "blk.0.ffn_down.weight"), Format::Q4_K);
  EXPECT_EQ(planned(plan, "blk.0.attn_v.weight").reason, "--tensor-type attn_v=q4_k");
}

TEST(Rules, DoNotShiftWhatTheRecipeGivesOthers) {
  const Plan plain = plan_with({}), plan = plan_with({"blk\\.[0-3]\\.attn_v=q8_0"});
  for (const PlannedTensor& t : plain.tensors) {
    const bool hit = t.source.name.ends_with("attn_v.weight") && t.source.name < "blk.4";
    EXPECT_EQ(format_in(plan, t.source.name), hit ? Format::Q8_0 : t.format) << t.source.name;
  }
}

TEST(Rules, WinWithPureAndForUnquantizedRecipes) {
  EXPECT_EQ(format_in(plan_with({"attn_v=q8_0"}, {.pure = true}), "blk.1.attn_v.weight"),
            Format::Q8_0);
  for (const char* recipe : {"F16", "BF16", "F32"}) {
    const Plan plan = plan_with({"attn_v=q8_0"}, {.recipe = find_recipe(recipe)});
    EXPECT_EQ(format_in(plan, "blk.1.attn_v.weight"), Format::Q8_0) << recipe;
    EXPECT_EQ(format_in(plan, "blk.1.attn_q.weight"), find_recipe(recipe)->base) << recipe;
  }
}

TEST(Rules, TheFirstThatMatchesDecides) {
  const Plan plan = plan_with({"blk\\.2\\.=q8_0", "attn_v=q5_k", "attn=q3_k"});
  EXPECT_EQ(format_in(plan, "blk.2.attn_v.weight"), Format::Q8_0);
  EXPECT_EQ(format_in(plan, "blk.3.attn_v.weight"), Format::Q5_K);
  EXPECT_EQ(format_in(plan, "blk.3.attn_q.weight"), Format::Q3_K);
  EXPECT_THAT(report_of(plan, "--tensor-type attn=q3_k").lost_to,
              ElementsAre(Pair("--tensor-type attn_v=q5_k", 7u),
                          Pair("--tensor-type blk\\.2\\.=q8_0", 4u)));
}

TEST(Rules, EmbeddingsAndOutputFollowThePrecedence) {
  const PlanRequest options{.output_format = Format::Q5_K, .embedding_format = Format::Q3_K};
  const std::vector<std::string> rules = {"token_embd=q8_0", "^output=q8_0"};
  const Plan untied = plan_with(rules, options);
  EXPECT_EQ(format_in(untied, "token_embd.weight"), Format::Q3_K);
  EXPECT_EQ(format_in(untied, "output.weight"), Format::Q5_K);
  EXPECT_EQ(report_of(untied, "--tensor-type token_embd=q8_0").text(),
            "--tensor-type token_embd=q8_0: had no effect; 1 tensor decided by "
            "--token-embedding-type q3_K");
  // The output option reaches tied embeddings through the head only: a rule that names them wins.
  const PlanRequest output{.output_format = Format::Q5_K};
  EXPECT_EQ(format_in(plan_with({}, output, true), "token_embd.weight"), Format::Q5_K);
  const Plan tied = plan_with({"token_embd=q8_0"}, output, true);
  EXPECT_EQ(format_in(tied, "token_embd.weight"), Format::Q8_0);
  EXPECT_TRUE(report_of(tied, "--output-tensor-type q5_K").without_effect());
  EXPECT_EQ(format_in(plan_with({}, {.pure = true, .output_format = Format::Q8_0}, true),
                      "token_embd.weight"),
            Format::Q8_0);
}

TEST(Rules, LeavingTheOutputIsARuleLikeOthers) {
  const Plan plan = plan_with({"output=q8_0"}, {.leave_output = true});
  EXPECT_TRUE(planned(plan, "output.weight").copied());
  EXPECT_EQ(format_in(plan, "blk.0.attn_output.weight"), Format::Q8_0);
  EXPECT_THAT(report_of(plan, "--tensor-type output=q8_0").text(),
              HasSubstr("8 tensors, layers 0-7; 1 tensor decided by --leave-output-tensor"));
  EXPECT_TRUE(report_of(plan_with({}, {.leave_output = true}, true), "--leave-output-tensor")
                  .without_effect());
  EXPECT_THAT(
      error_of([] { plan_with({}, {.output_format = Format::Q8_0, .leave_output = true}); }),
      HasSubstr("contradict"));
}

TEST(Rules, NeverReachNormsBiasesAndRouters) {
  ModelHeader m = model();
  m.tensors.push_back(test::tensor_info("blk.0.attn_q.bias", 256, 1));
  m.tensors.push_back(test::tensor_info("blk.0.ffn_gate_inp.weight", 256, 8));
  PlanRequest request{.recipe = find_recipe("Q4_K_M")};
  request.rules = {rule("norm=q8_0"), rule("bias=q8_0"), rule("gate_inp=q8_0")};
  const Plan plan = make_plan(m, request);
  for (const char* name : {"output_norm.weight", "blk.2.attn_norm.weight", "blk.0.attn_q.bias",
                           "blk.0.ffn_gate_inp.weight"}) {
    EXPECT_TRUE(planned(plan, name).copied()) << name;
  }
  EXPECT_EQ(report_of(plan, "--tensor-type norm=q8_0").text(),
            "--tensor-type norm=q8_0: had no effect: matched only 9 tensors that always keep their "
            "type");
}

TEST(Rules, TypesThatDoNotFitARowFallBackAndSaySo) {
  PlanRequest request{.recipe = find_recipe("Q8_0")};
  request.rules = {rule("ffn_down=q6_k")};
  const Plan plan = make_plan(test::model_header({.n_ff = 288}), request);
  EXPECT_EQ(format_in(plan, "blk.0.ffn_down.weight"), Format::Q8_0);
  EXPECT_TRUE(planned(plan, "blk.0.ffn_down.weight").fallback);
  EXPECT_THAT(plan.rule_reports.at(0).text(), HasSubstr("rows of 8 tensors do not fit"));
}

TEST(Rules, ThatMatchNothingAreReported) {
  const Plan plan = plan_with({"atn_v=q8_0"});
  const RuleReport& report = report_of(plan, "--tensor-type atn_v=q8_0");
  EXPECT_TRUE(report.without_effect());
  EXPECT_EQ(report.text(), "--tensor-type atn_v=q8_0: matched nothing");
}

TEST(Rules, ThatMatchOnlyPrunedLayersAreReported) {
  const Plan plan = plan_with({"blk\\.2\\.attn=q8_0", "blk\\.[23]\\.ffn_up=q8_0"},
                              {.recipe = find_recipe("Q4_K_M"), .prune_layers = {2}});
  EXPECT_TRUE(plan.rule_reports.at(0).without_effect());
  EXPECT_EQ(plan.rule_reports.at(0).text(),
            "--tensor-type blk\\.2\\.attn=q8_0: had no effect: matched only 5 tensors of pruned "
            "layers");
  EXPECT_FALSE(plan.rule_reports.at(1).without_effect());
}

TEST(Rules, SayWhichLayersTheyDecided) {
  const Plan plan = plan_with({"\\.([0-2]|7)\\.attn_k=q4_k"});
  EXPECT_EQ(plan.rule_reports.at(0).text(),
            "--tensor-type \\.([0-2]|7)\\.attn_k=q4_k: 4 tensors, layers 0-2,7");
}

// Attention, embeddings, output, first and last layer in BF16, the feed-forward uniform Q4_K: what
// people patched a program for.
TEST(Rules, ASchemeInOneLine) {
  const Plan plan = plan_with({"attn|token_embd|output|blk\\.(0|7)\\.=bf16"},
                              {.recipe = find_recipe("Q4_K_M"), .pure = true});
  int n_bf16 = 0, n_q4 = 0;
  for (const PlannedTensor& t : plan.tensors) {
    if (!is_quantizable(t.source)) continue;
    const std::string& name = t.source.name;
    const bool ffn = name.find("ffn_") != name.npos;
    const bool outer = layer_of_tensor(name) == 0 || layer_of_tensor(name) == 7;
    EXPECT_EQ(t.format, ffn && !outer ? Format::Q4_K : Format::BF16) << name;
    ++(t.format == Format::Q4_K ? n_q4 : n_bf16);
  }
  EXPECT_EQ(n_q4, 6 * 3);
  EXPECT_EQ(n_bf16, 2 + 8 * 4 + 2 * 3);
}

// ---- importance

TEST(Weights, IncludeAndExcludeSayWhoUsesImportance) {
  const PlanRequest exclude{.imatrix = true, .exclude_weights = {"attn_k", "blk.3."}};
  for (const PlannedTensor& t : plan_with({}, exclude).tensors) {
    const std::string& name = t.source.name;
    EXPECT_EQ(t.use_importance,
              name.find("attn_k") == name.npos && name.find("blk.3.") == name.npos)
        << name;
  }
  const PlanRequest include{.imatrix = true, .include_weights = {"attn_k", "nothing"}};
  const Plan plan = plan_with({}, include);
  for (const PlannedTensor& t : plan.tensors) {
    EXPECT_EQ(t.use_importance, t.source.name.find("attn_k") != std::string::npos) << t.source.name;
  }
  EXPECT_EQ(report_of(plan, "--include-weights attn_k").text(),
            "--include-weights attn_k: 8 tensors, layers 0-7");
  EXPECT_TRUE(report_of(plan, "--include-weights nothing").without_effect());
  EXPECT_THAT(error_of([] { plan_with({}, {.include_weights = {"a"}, .exclude_weights = {"b"}}); }),
              HasSubstr("exclude each other"));
}

TEST(Weights, AnImportanceMatrixThatNothingUsesIsNone) {
  // IQ4_XS without an imatrix: ffn_down of the first eighth is Q5_K.
  const Recipe* recipe = find_recipe("IQ4_XS");
  const auto type = [&](std::vector<std::string> excluded) {
    return format_in(
        plan_with({}, {.recipe = recipe, .imatrix = true, .exclude_weights = std::move(excluded)}),
        "blk.0.ffn_down.weight");
  };
  EXPECT_EQ(type({}), Format::IQ4_XS);
  EXPECT_EQ(type({"ffn"}), Format::IQ4_XS);
  EXPECT_EQ(type({"weight"}), Format::Q5_K);
}

// ---- robustness

TEST(Rules, TensorsAndLayersThatNobodyKnowsArePlannedAllTheSame) {
  ModelHeader m = model();
  for (const char* name :
       {"blk.8.attn_v.weight", "blk.8.nextn.eh_proj.weight", "blk.4000.ffn_down.weight",
        "mm.vision.weight", "blk.x.weight", "blk.-3.ffn_up.weight", "blk.01.attn_k.weight"}) {
    m.tensors.push_back(test::tensor_info(name, 256, 64));
  }
  for (const int n_kv : {0, 3, 100}) {
    m.n_head_kv = n_kv;
    for (const Recipe& recipe : all_recipes()) {
      for (const bool imatrix : {false, true}) {
        const Plan plan = make_plan(m, {.recipe = &recipe, .imatrix = imatrix});
        EXPECT_EQ(plan.tensors.size(), m.tensors.size());
        EXPECT_EQ(format_in(plan, "mm.vision.weight"), recipe.base);
      }
    }
  }
  EXPECT_EQ(layer_of_tensor("blk.-3.ffn_up.weight"), -1);
  EXPECT_EQ(layer_of_tensor("blk.01.attn_k.weight"), -1);
}

// ---- metadata

TEST(MetadataOverride, ParsesTheFourTypes) {
  EXPECT_EQ(std::get<std::int64_t>(parse_metadata_override("a.b=int:-5").value), -5);
  EXPECT_EQ(std::get<double>(parse_metadata_override("a=float:1e-5").value), 1e-5);
  EXPECT_EQ(std::get<bool>(parse_metadata_override("a=bool:true").value), true);
  EXPECT_EQ(std::get<bool>(parse_metadata_override("a=bool:false").value), false);
  const MetadataOverride text = parse_metadata_override("general.name=str:x=y: z");
  EXPECT_EQ(text.key, "general.name");
  EXPECT_EQ(std::get<std::string>(text.value), "x=y: z");
  EXPECT_EQ(std::get<std::string>(parse_metadata_override("a=str:").value), "");
}

TEST(MetadataOverride, RefusesEverythingElse) {
  for (const char* text :
       {"", "a", "a=", "a=int", "a:int=5", "=int:5", "a=int:", "a=int:5x", "a=int:1.5",
        "a=int:99999999999999999999", "a=float:x", "a=float:nan", "a=float:1e300", "a=bool:yes",
        "a=u32:5", "a=INT:5", "general.alignment=int:64", "split.count=int:2"}) {
    EXPECT_THAT(error_of([&] { parse_metadata_override(text); }), HasSubstr("--override-kv"))
        << text;
  }
}

TEST(MetadataOverride, KeepsTheTypeOfTheKeyWhereItFits) {
  Metadata m("m");
  m.set("small", Value::u16(3));
  m.set("wide", Value::scalar(std::int64_t{3}));
  m.set("real", Value::scalar(2.0));
  m.set("name", Value::text("old"));
  const MetadataOverride overrides[] = {parse_metadata_override("small=int:7"),
                                        parse_metadata_override("wide=int:8"),
                                        parse_metadata_override("real=float:0.1"),
                                        parse_metadata_override("name=str:new"),
                                        parse_metadata_override("new=int:5"),
                                        parse_metadata_override("negative=int:-5"),
                                        parse_metadata_override("large=int:4294967296"),
                                        parse_metadata_override("f=float:0.5"),
                                        parse_metadata_override("new=int:6"),
                                        parse_metadata_override("b=bool:true")};
  apply_overrides(overrides, m);
  EXPECT_EQ(m.find("small")->type(), ValueType::kU16);
  EXPECT_EQ(m.uint("small"), 7u);
  EXPECT_EQ(m.find("wide")->type(), ValueType::kI64);
  EXPECT_EQ(m.find("real")->type(), ValueType::kF64);
  EXPECT_EQ(m.real("real"), 0.1);
  EXPECT_EQ(m.text("name"), "new");
  EXPECT_EQ(m.find("new")->type(), ValueType::kU32);
  EXPECT_EQ(m.uint("new"), 6u) << "the last one wins";
  EXPECT_EQ(m.find("negative")->type(), ValueType::kI32);
  EXPECT_EQ(m.find("large")->type(), ValueType::kI64);
  EXPECT_EQ(m.find("f")->type(), ValueType::kF32);
  EXPECT_EQ(m.boolean("b"), true);
  apply_overrides(std::vector{parse_metadata_override("small=int:70000")}, m);
  EXPECT_EQ(m.find("small")->type(), ValueType::kU32) << "does not fit u16";
}

}  // namespace
}  // namespace lathe
