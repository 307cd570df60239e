// Plan files: what is written comes back, edits are taken or refused with what would be right, and
// a plan for another model is named as such.
#include "quant/plan/plan_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>

#include "kernels/tiers.h"
#include "quant/pipeline/provenance.h"
#include "quant/pipeline/quantize.h"
#include "quant/plan/plan_summary.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/output.h"
#include "tests/support/plan_models.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using nlohmann::json;
using testing::AllOf;
using testing::HasSubstr;

// An Error that the file is bad, as text.
std::string refusal(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput) << error.what();
    return error.what();
  }
  return "accepted";
}

Plan replayed(const Plan& plan, const ModelHeader& model) {
  return plan_for_model(parse_plan(plan_json(plan, model), "plan.json"), model);
}

void expect_same(const Plan& a, const Plan& b) {
  EXPECT_EQ(a.recipe, b.recipe);
  EXPECT_EQ(a.file_type, b.file_type);
  EXPECT_EQ(a.imatrix, b.imatrix);
  EXPECT_EQ(a.pruned_layers, b.pruned_layers);
  EXPECT_EQ(a.overrides, b.overrides);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    const PlannedTensor &x = a.tensors[i], &y = b.tensors[i];
    EXPECT_EQ(x.name, y.name);
    EXPECT_EQ(x.source.name, y.source.name);
    EXPECT_EQ(x.source.dims, y.source.dims);
    EXPECT_EQ(x.source.offset, y.source.offset);
    EXPECT_EQ(x.source.n_bytes, y.source.n_bytes);
    EXPECT_EQ(x.format, y.format);
    EXPECT_EQ(x.n_bytes, y.n_bytes);
    EXPECT_EQ(x.reason, y.reason);
    EXPECT_EQ(x.needs_importance, y.needs_importance);
    EXPECT_EQ(x.use_importance, y.use_importance);
  }
}

ModelHeader numbered_model() {  // with places in a file, that a plan file does not have
  ModelHeader model = test::model_header({});
  for (std::size_t i = 0; i < model.tensors.size(); ++i) model.tensors[i].offset = 32 * i;
  return model;
}

TEST(PlanFile, EveryRecipeComesBack) {
  const ModelHeader model = numbered_model();
  for (const Recipe& recipe : all_recipes()) {
    const Plan plan = make_plan(model, {.recipe = &recipe, .imatrix = true});
    expect_same(replayed(plan, model), plan);
  }
}

TEST(PlanFile, OptionsComeBack) {
  const ModelHeader model = numbered_model();
  PlanRequest request{.recipe = find_recipe("Q2_K_S"),
                      .imatrix = true,
                      .output_format = Format::BF16,
                      .prune_layers = {0, 3, 4},
                      .exclude_weights = {"attn_k"}};
  request.rules = {parse_type_rule("\\.1\\.=q8_0", "--tensor-type")};
  for (const char* text : {"a=int:-5", "b=float:0.1", "c=bool:false", "d=str:\"quoted\"\n\x01"}) {
    request.overrides.push_back(parse_metadata_override(text));
  }
  const Plan plan = make_plan(model, request);
  expect_same(replayed(plan, model), plan);
}

class PlanText : public testing::Test {
 protected:
  // The plan with one change, read for the same model.
  std::string with(const std::function<void(json&)>& change) {
    json edited = json_;
    change(edited);
    return refusal([&] { plan_for_model(parse_plan(edited.dump(), "plan.json"), model_); });
  }
  std::string raw(const std::string& text) {
    return refusal([&] { parse_plan(text, "plan.json"); });
  }
  static json& tensor(json& plan, const std::string& name) {
    for (json& t : plan["tensors"]) {
      if (t["name"] == name) return t;
    }
    throw std::runtime_error("no tensor " + name);
  }

  ModelHeader model_ = test::model_header({.n_ff = 288});
  Plan plan_ = make_plan(model_, {.recipe = find_recipe("Q4_K_M"), .prune_layers = {2}});
  json json_ = json::parse(plan_json(plan_, model_));
};

TEST_F(PlanText, KnowsWhetherItWasEdited) {
  const auto edited = [&](const std::function<void(json&)>& change) {
    json text = json_;
    change(text);
    return plan_for_model(parse_plan(text.dump(), "plan.json"), model_).edited;
  };
  EXPECT_FALSE(edited([](json&) {}));
  EXPECT_FALSE(edited([](json& p) { std::swap(p["tensors"][0], p["tensors"][5]); }));
  EXPECT_FALSE(edited([](json& p) { tensor(p, "blk.1.attn_q.weight")["reason"] = "why not"; }));
  EXPECT_TRUE(edited([](json& p) { tensor(p, "blk.1.attn_q.weight")["to"] = "q8_0"; }));
  EXPECT_TRUE(edited([](json& p) { tensor(p, "blk.1.attn_q.weight")["importance"] = false; }));
  EXPECT_TRUE(edited([](json& p) { p["recipe"] = "Q4_K_S"; }));
  EXPECT_TRUE(edited([](json& p) { p["file_type"] = 14; }));
  EXPECT_TRUE(edited([](json& p) { p["imatrix"] = true; }));
  EXPECT_TRUE(edited([](json& p) {
    p["metadata"].push_back({{"key", "general.name"}, {"type", "str"}, {"value", "x"}});
  }));
  EXPECT_TRUE(edited([](json& p) { p.erase("decisions_sha256"); })) << "written by hand";
}

TEST_F(PlanText, TypesMayBeEdited) {
  json edited = json_;
  tensor(edited, "blk.1.attn_q.weight")["to"] = "IQ3_s";
  tensor(edited, "blk.1.attn_q.weight").erase("reason");
  tensor(edited, "output.weight")["to"] = "bf16";
  edited["tensors"].erase(edited["tensors"].begin() + 3);
  edited["tensors"].push_back(json_["tensors"][3]);  // in any order
  const Plan plan = plan_for_model(parse_plan(edited.dump(), "plan.json"), model_);
  EXPECT_EQ(test::format_in(plan, "blk.1.attn_q.weight"), Format::IQ3_S);
  EXPECT_EQ(test::planned(plan, "blk.1.attn_q.weight").reason, "plan");
  EXPECT_TRUE(plan.edited);
  EXPECT_EQ(test::planned(plan, "blk.1.attn_q.weight").n_bytes, 64u * 110);
  EXPECT_EQ(test::format_in(plan, "output.weight"), Format::BF16);
  ASSERT_EQ(plan.tensors.size(), plan_.tensors.size());
  for (std::size_t i = 0; i < plan.tensors.size(); ++i) {
    EXPECT_EQ(plan.tensors[i].name, plan_.tensors[i].name);
  }
}

TEST_F(PlanText, EditedTypesKnowThatTheyNeedImportance) {
  json edited = json_;
  tensor(edited, "blk.1.attn_q.weight")["to"] = "iq2_xxs";
  tensor(edited, "output.weight")["to"] = "iq2_xxs";
  const Plan plan = plan_for_model(parse_plan(edited.dump(), "plan.json"), model_);
  EXPECT_TRUE(test::planned(plan, "blk.1.attn_q.weight").needs_importance);
  EXPECT_FALSE(test::planned(plan, "output.weight").needs_importance);
}

TEST_F(PlanText, ShortestPlan) {
  json edited = json_;
  for (const char* key : {"recipe", "imatrix", "metadata"}) edited.erase(key);
  for (json& t : edited["tensors"]) t.erase("reason");
  const Plan plan = plan_for_model(parse_plan(edited.dump(), "plan.json"), model_);
  EXPECT_EQ(plan.tensors.size(), plan_.tensors.size());
  EXPECT_FALSE(plan.imatrix);
}

TEST_F(PlanText, TypesThatDoNotFitAreRefusedWithWhatDoes) {
  EXPECT_THAT(with([](json& p) { tensor(p, "blk.1.ffn_down.weight")["to"] = "q4_K"; }),
              AllOf(HasSubstr("q4_K does not fit rows of 288"), HasSubstr("multiple of 256"),
                    HasSubstr("what fits: f32 f16 bf16 q4_0 q4_1 q5_0 q5_1 q8_0 iq4_nl mxfp4")));
  EXPECT_THAT(with([](json& p) { tensor(p, "output_norm.weight")["to"] = "q8_0"; }),
              AllOf(HasSubstr("'output_norm.weight' always keeps its type, f32")));
}

TEST_F(PlanText, AnotherModelIsRefusedWithTheFirstDifference) {
  const auto on = [&](const std::function<void(ModelHeader&)>& change) {
    ModelHeader other = model_;
    change(other);
    return refusal([&] { plan_for_model(parse_plan(json_.dump(), "plan.json"), other); });
  };
  EXPECT_THAT(on([](ModelHeader& m) { m.architecture = "other"; }),
              HasSubstr("plan.json: made for another model: the architecture is 'any' in the plan "
                        "and 'other' in the model"));
  EXPECT_THAT(on([](ModelHeader& m) { m.n_layer = 9; }),
              HasSubstr("there are 8 layers in the plan and 9 in the model"));
  EXPECT_THAT(on([](ModelHeader& m) { m.tensors[0].dims[1] = 999; }),
              HasSubstr("the shape of output.weight is 256 x 1000 in the plan and 256 x 999"));
  EXPECT_THAT(on([](ModelHeader& m) { m.tensors[0].format = Format::BF16; }),
              HasSubstr("the type of output.weight is f16 in the plan and bf16 in the model"));
  EXPECT_THAT(on([](ModelHeader& m) { m.tensors.erase(m.tensors.begin()); }),
              HasSubstr("tensor 'output.weight' of the plan is not in the model"));
  EXPECT_THAT(on([](ModelHeader& m) {
                m.tensors.push_back(test::tensor_info("blk.7.new.weight", 256, 64));
              }),
              HasSubstr("tensor 'blk.7.new.weight' of the model is not in the plan"));
  // Not even there: a tensor of the layer that is pruned.
  EXPECT_EQ(on([](ModelHeader& m) {
              m.tensors.push_back(test::tensor_info("blk.2.new.weight", 256, 64));
            }),
            "accepted");
}

TEST_F(PlanText, MistakesAreNamedWithTheirPlace) {
  EXPECT_EQ(with([](json&) {}), "accepted");
  const auto first = [](json& p) -> json& { return p["tensors"][0]; };
  const std::pair<std::function<void(json&)>, const char*> cases[] = {
      {[](json& p) { p = json::array(); }, "plan.json: no plan"},
      {[](json& p) { p.erase("lathe_plan"); }, "plan.json: no plan"},
      {[](json& p) { p["lathe_plan"] = 2; }, "lathe_plan: a plan of version 2"},
      {[](json& p) { p["lathe_plan"] = "1"; }, "lathe_plan: expected a number, found string"},
      {[](json& p) { p["extra"] = 1; }, "plan.json: unknown key 'extra'"},
      {[](json& p) { p.erase("model"); }, "the key \"model\" is missing"},
      {[](json& p) { p["model"] = "x"; }, "model: expected an object, found string"},
      {[](json& p) { p["model"]["n_layer"] = -1; }, "model.n_layer: expected a whole number"},
      {[](json& p) { p["model"]["n_layer"] = 8.5; }, "found 8.5"},
      {[](json& p) { p["model"]["name"] = "x"; }, "model: unknown key 'name'"},
      {[](json& p) { p["recipe"] = 1; }, "recipe: expected a text"},
      {[](json& p) { p.erase("file_type"); }, "\"file_type\" is missing"},
      {[](json& p) { p["file_type"] = 1ULL << 32; }, "file_type: expected a whole number"},
      {[](json& p) { p["imatrix"] = "yes"; }, "imatrix: expected true or false"},
      {[](json& p) { p["pruned_layers"] = 2; }, "pruned_layers: expected an array"},
      {[](json& p) {
         p["pruned_layers"] = {2, 8};
       },
       "pruned_layers[1]: there are 8 layers only"},
      {[](json& p) {
         p["pruned_layers"] = {2, 2};
       },
       "pruned_layers: a layer stands twice"},
      {[](json& p) { p["pruned_layers"] = {0, 1, 2, 3, 4, 5, 6, 7}; }, "all layers are pruned"},
      {[](json& p) {
         p["pruned_layers"] = {2, 3};
       },
       "tensor 'blk.3.attn_q.weight' is in a layer that is pruned"},
      {[](json& p) { p["pruned_layers"] = json::array(); }, "of the model is not in the plan"},
      {[](json& p) {
         p["metadata"] = {{{"key", "a"}, {"type", "int"}}};
       },
       "metadata[0]: the key \"value\" is missing"},
      {[](json& p) {
         p["metadata"] = {{{"key", "a"}, {"type", "int"}, {"value", "5"}}};
       },
       "metadata[0].value: expected a number"},
      {[](json& p) {
         p["metadata"] = {{{"key", "a"}, {"type", "int"}, {"value", 1.5}}};
       },
       "whole number"},
      {[](json& p) {
         p["metadata"] = {{{"key", "a"}, {"type", "u8"}, {"value", 1}}};
       },
       "unknown type"},
      {[](json& p) {
         p["metadata"] = {{{"key", "a"}, {"type", "str:x"}, {"value", 1}}};
       },
       "metadata[0].type: unknown type"},
      {[](json& p) {
         p["metadata"] = {{{"key", "a=b"}, {"type", "int"}, {"value", 1}}};
       },
       "metadata[0].key: a key has no '='"},
      {[](json& p) { p["tensors"] = json::object(); }, "tensors: expected an array"},
      {[](json& p) { p["tensors"].push_back(p["tensors"][0]); }, "stands twice"},
      {[&](json& p) { first(p)["to"] = "q9"; }, "tensors[0].to: unknown type 'q9'"},
      {[&](json& p) { first(p)["from"] = 3; }, "tensors[0].from: expected a text, found number"},
      {[&](json& p) { first(p).erase("shape"); }, "tensors[0]: the key \"shape\" is missing"},
      {[&](json& p) { first(p)["shape"] = json::array(); }, "tensors[0].shape: expected 1 to 4"},
      {[&](json& p) {
         first(p)["shape"] = {1, 1, 1, 1, 1};
       },
       "tensors[0].shape: expected 1 to 4"},
      {[&](json& p) {
         first(p)["shape"] = {256, 0};
       },
       "tensors[0].shape[1]: a dimension of 0"},
      {[&](json& p) {
         first(p)["shape"] = {1ULL << 40, 1ULL << 40};
       },
       "this large"},
      {[&](json& p) { first(p)["type"] = "q4_0"; }, "tensors[0]: unknown key 'type'"},
      {[&](json& p) { first(p)["importance"] = 1; }, "tensors[0].importance: expected true"},
  };
  for (const auto& [change, want] : cases) EXPECT_THAT(with(change), HasSubstr(want));
}

TEST_F(PlanText, TextThatIsNoJson) {
  EXPECT_THAT(raw(""), HasSubstr("plan.json: no valid JSON"));
  EXPECT_THAT(raw("{\"lathe_plan\": 1,}"), HasSubstr("no valid JSON"));
  EXPECT_THAT(raw("{} {}"), HasSubstr("no valid JSON"));
  EXPECT_THAT(raw("\xff\xfe"), HasSubstr("no valid JSON"));
  EXPECT_THAT(raw("5"), HasSubstr("no plan"));
  EXPECT_THAT(raw("{\"lathe_plan\": 1, \"lathe_plan\": 1}"),
              HasSubstr("the key 'lathe_plan' stands twice"));
  EXPECT_THAT(raw(std::string(100000, '[')), HasSubstr("nested too deeply"));
  EXPECT_THAT(refusal([] { read_plan("/nonexistent/plan.json"); }), HasSubstr("/nonexistent"));
}

// The file that comes of a replayed plan is that of the options, and as large as was said.
TEST(PlanFile, ReplayWritesTheSameFile) {
  const GgufFile source = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
  const ModelHeader model = read_model_header(source);
  PlanRequest request{.recipe = find_recipe("Q4_K_S"), .output_format = Format::Q8_0};
  request.rules = {parse_type_rule("blk\\.0\\.=bf16", "--tensor-type")};
  request.overrides = {parse_metadata_override("general.name=str:replayed")};
  const Plan plan = make_plan(model, request);
  const TempDir dir;
  write_plan(plan, model, test::output(dir.file("plan.json")));
  const Plan again = plan_for_model(read_plan(dir.file("plan.json")), model);

  KernelTable kernels;
  ASSERT_TRUE(select_kernels("", &kernels));
  ThreadPool pool({.n_threads = 2, .pin = false});
  const QuantizeJob direct{source, plan, nullptr, dir.file("a.gguf")};
  const QuantizeJob replay{source, again, nullptr, dir.file("b.gguf")};
  EXPECT_EQ(quantize(direct, kernels, pool).file_bytes,
            planned_file_bytes(plan, quantized_metadata(direct)));
  quantize(replay, kernels, pool);
  const GgufFile a = GgufFile::open(direct.out_path), b = GgufFile::open(replay.out_path);
  const auto bytes_a = a.files()[0].bytes(), bytes_b = b.files()[0].bytes();
  EXPECT_TRUE(std::ranges::equal(bytes_a, bytes_b));
  EXPECT_EQ(a.metadata().text("general.name"), "replayed");
  EXPECT_EQ(a.require("blk.0.ffn_up.weight").format, Format::BF16);
}

TEST(PlanSummary, TotalsAddUp) {
  const Plan plan = make_plan(test::model_header({.n_ff = 288}), {.recipe = find_recipe("Q4_K_M")});
  std::uint64_t n_bytes = 0, n_elements = 0;
  std::size_t n_tensors = 0;
  for (const FormatTotal& total : format_totals(plan)) {
    n_bytes += total.n_bytes;
    n_elements += total.n_elements;
    n_tensors += total.n_tensors;
  }
  EXPECT_EQ(n_bytes, plan.bytes());
  EXPECT_EQ(n_elements, plan.n_elements());
  EXPECT_EQ(n_tensors, plan.tensors.size());
  EXPECT_EQ(n_fallbacks(plan), 8u);
}

TEST(PlanSummary, NotesOnImportance) {
  const Plan without = make_plan(test::model_header({}), {.recipe = find_recipe("Q4_K_M")});
  const Plan with =
      make_plan(test::model_header({}), {.recipe = find_recipe("Q4_K_M"), .imatrix = true});
  EXPECT_TRUE(importance_notes(without, nullptr).empty());
  EXPECT_THAT(importance_notes(with, nullptr), testing::ElementsAre(HasSubstr("none is given")));
  Imatrix imatrix;
  for (const PlannedTensor& t : with.tensors) {
    if (layer_of_tensor(t.source.name) >= 0) imatrix.entries[t.source.name] = {};
  }
  EXPECT_TRUE(importance_notes(with, &imatrix).empty());
  EXPECT_THAT(importance_notes(without, &imatrix),
              testing::ElementsAre(HasSubstr("made without the importance matrix")));
  imatrix.entries.erase("blk.3.attn_v.weight");
  EXPECT_THAT(importance_notes(with, &imatrix),
              testing::ElementsAre(
                  AllOf(HasSubstr("lacks 1 of the 56"), HasSubstr("blk.3.attn_v.weight"))));
}

}  // namespace
}  // namespace lathe
