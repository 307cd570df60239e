// Plans from costs: sizes, rules, refusals; and the file of costs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "quant/costs/measured_plan.h"
#include "quant/plan/plan_summary.h"
#include "runtime/base/error.h"
#include "tests/support/error_of.h"
#include "tests/support/plan_models.h"

namespace lathe {
namespace {

using test::format_in;
using test::model_header;
using testing::HasSubstr;

constexpr Format kFormats[] = {Format::Q8_0, Format::Q6_K, Format::Q4_K, Format::Q2_K};

// Errors fall by four with each bit; the higher the layer, the less it matters.
CostFile some_costs(const ModelHeader& model) {
  CostFile costs;
  costs.origin = "costs.json";
  costs.architecture = model.architecture;
  costs.n_layer = model.n_layer;
  costs.weights = "w";
  for (const TensorInfo& tensor : model.tensors) {
    if (!is_quantizable(tensor)) continue;
    TensorCosts t{.name = tensor.name, .source = tensor};
    const double weight = tensor.name.find("attn_v") != std::string::npos ? 8.0 : 1.0;
    for (const Format f : kFormats) {
      t.weights[index_of(f)] = weight / (2.0 + layer_of_tensor(tensor.name)) *
                               std::pow(4.0, -format_info(f).bits_per_weight());
    }
    t.weights[index_of(tensor.format)] = 0.0;
    t.activations[static_cast<std::size_t>(ActKind::kQ8x256)] = 1e-6;
    costs.tensors.push_back(std::move(t));
  }
  return costs;
}

class MeasuredPlans : public testing::Test {
 protected:
  MeasuredPlanRequest request() const {
    MeasuredPlanRequest r;
    r.rules.imatrix = true;
    r.metadata = [](const Plan& plan) {
      Metadata m;
      std::string encoded;  // metadata grow with what is encoded
      for (const PlannedTensor& t : plan.tensors)
        encoded += t.copied() ? "-" : std::string(32, 'x');
      m.set("lathe.quantize.recipe", Value::text(plan.recipe));
      m.set("lathe.quantize.tensors", Value::text(encoded));
      return m;
    };
    return r;
  }

  const ModelHeader model_ = model_header({});
  const CostFile costs_ = some_costs(model_);
};

TEST_F(MeasuredPlans, AreNeverAboveTheSizeAndBetterWithMore) {
  const MeasuredPlanRequest r = request();
  const MeasuredPlanner planner(model_, costs_, r);
  const std::uint64_t least = planner.smallest_file(), most = planner.largest_file();
  ASSERT_LT(least, most);
  double before = std::numeric_limits<double>::infinity(), first = 0.0;
  for (int i = 0; i <= 20; ++i) {
    const std::uint64_t size = least + (most - least) * static_cast<std::uint64_t>(i) / 20 + i % 3;
    const MeasuredPlan plan = planner.for_file_bytes(size);
    const std::uint64_t bytes = planned_file_bytes(plan.plan, r.metadata(plan.plan));
    EXPECT_LE(bytes, size);
    EXPECT_EQ(bytes, plan.file_bytes);
    EXPECT_TRUE(plan.exact);
    EXPECT_LE(plan.predicted, before);
    EXPECT_NEAR(*planner.predict(plan.plan), plan.predicted, 1e-12);
    before = plan.predicted;
    if (i == 0) first = before;
  }
  EXPECT_LT(before, 1e-3 * first);  // all but all as the source has it
  EXPECT_THAT(message_of([&] { planner.for_file_bytes(least - 1); }, ErrorKind::kUsage),
              HasSubstr("small"));
}

TEST_F(MeasuredPlans, BitsPerWeightAreThoseOfThePlan) {
  const MeasuredPlanner planner(model_, costs_, request());
  for (const double bits : {4.0, 5.5, 9.0}) {
    const MeasuredPlan plan = planner.for_bits_per_weight(bits);
    EXPECT_LE(plan.plan.bits_per_weight(), bits);
    EXPECT_GT(plan.plan.bits_per_weight(), 0.97 * bits);
  }
}

TEST_F(MeasuredPlans, RulesWin) {
  MeasuredPlanRequest r = request();
  r.rules.rules = {parse_type_rule("blk.0.ffn_up=q2_k", "--tensor-type")};
  r.rules.output_format = Format::Q8_0;
  r.types = {Format::Q4_K, Format::Q6_K};
  const MeasuredPlanner planner(model_, costs_, r);
  const MeasuredPlan plan = planner.for_file_bytes(planner.largest_file());
  EXPECT_EQ(format_in(plan.plan, "blk.0.ffn_up.weight"), Format::Q2_K);
  EXPECT_EQ(format_in(plan.plan, "output.weight"), Format::Q8_0);
  EXPECT_EQ(format_in(plan.plan, "blk.1.ffn_up.weight"), Format::Q6_K);
  EXPECT_EQ(format_in(plan.plan, "output_norm.weight"), Format::F32);
  EXPECT_NEAR(*planner.predict(plan.plan), plan.predicted, 1e-12);
}

TEST_F(MeasuredPlans, LayersAreLeftOutWhereThatCostsLeast) {
  CostFile costs = costs_;
  costs.layers.assign(8, 100.0);
  costs.layers[5] = 1e-9;
  MeasuredPlanRequest r = request();
  r.may_prune = true;
  const MeasuredPlanner planner(model_, costs, r);
  const MeasuredPlan plan = planner.for_bits_per_weight(4.0);
  EXPECT_EQ(plan.plan.pruned_layers, std::vector<int>{5});
  EXPECT_NEAR(*planner.predict(plan.plan), plan.predicted, 1e-12);
  r.may_prune = false;
  EXPECT_TRUE(
      MeasuredPlanner(model_, costs, r).for_bits_per_weight(4.0).plan.pruned_layers.empty());
  r.may_prune = true;
  EXPECT_THAT(message_of([&] { MeasuredPlanner(model_, costs_, r); }, ErrorKind::kUsage),
              HasSubstr("--layers"));
}

TEST_F(MeasuredPlans, CostsOfAnotherModelAreRefused) {
  const auto problem = [&](const CostFile& costs, const std::string& weights) {
    return message_of([&] { check_costs(costs, model_, weights); }, ErrorKind::kBadInput);
  };
  EXPECT_NO_THROW(check_costs(costs_, model_, "w"));
  EXPECT_NO_THROW(check_costs(costs_, model_, ""));
  EXPECT_THAT(problem(costs_, "v"), HasSubstr("the weights are others"));
  CostFile costs = costs_;
  costs.n_layer = 9;
  EXPECT_THAT(problem(costs, "w"), HasSubstr("9 layers there and 8"));
  costs = costs_;
  costs.architecture = "b";
  EXPECT_THAT(problem(costs, "w"), HasSubstr("architecture"));
  costs = costs_;
  costs.tensors[0].source.dims[0] = 512;
  EXPECT_THAT(problem(costs, "w"), HasSubstr("the shape of output.weight"));
  costs = costs_;
  costs.tensors.erase(costs.tensors.begin());
  EXPECT_THAT(problem(costs, "w"), HasSubstr("'output.weight' of the model is not among them"));
}

TEST_F(MeasuredPlans, CostsComeBackFromTheirFile) {
  CostFile costs = costs_;
  costs.layers.assign(8, 0.25);
  costs.texts = {{"a.txt", "00", 2048}};
  costs.n_tokens = 4096;
  const CostFile back = parse_costs(costs_json(costs), "x.json");
  EXPECT_EQ(costs_json(back), costs_json(costs));
  EXPECT_EQ(back.origin, "x.json");
  EXPECT_EQ(back.layers, costs.layers);
  ASSERT_EQ(back.tensors.size(), costs.tensors.size());
  for (std::size_t i = 0; i < costs.tensors.size(); ++i) {
    EXPECT_EQ(back.tensors[i].weights, costs.tensors[i].weights);
    EXPECT_EQ(back.tensors[i].activations, costs.tensors[i].activations);
  }
}

TEST_F(MeasuredPlans, FilesThatAreNoCostsAreRefused) {
  const std::string good = costs_json(costs_);
  const auto problem = [&](const std::string& from, const std::string& to) {
    std::string text = good;
    const std::size_t at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    text.replace(at, from.size(), to);
    return message_of([&] { parse_costs(text, "x.json"); }, ErrorKind::kBadInput);
  };
  EXPECT_THAT(message_of([] { parse_costs("{}", "x.json"); }, ErrorKind::kBadInput),
              HasSubstr("lathe measure"));
  EXPECT_THAT(problem("\"lathe_costs\": 1", "\"lathe_costs\": 2"), HasSubstr("version"));
  EXPECT_THAT(problem("\"q8_0\":", "\"q8_1\":"), HasSubstr("unknown type"));
  EXPECT_THAT(problem("\"q8x256\":1e-06", "\"q8x256\":-1"), HasSubstr("a cost is a number"));
  EXPECT_THAT(problem("\"q8x256\":1e-06", "\"q8x256\":\"1\""), HasSubstr("q8x256"));
  EXPECT_THAT(problem("\"n_ctx\":", "\"n_cty\":"), HasSubstr("n_cty"));
}

TEST(DrawnRows, AreInProportionToTheirWeights) {
  const double weights[] = {1.0, 0.0, 5.0, 2.0};
  std::size_t n = 0, times[4] = {};
  for (const DrawnRow& row : draw_rows(weights, 8)) {
    times[row.row] = row.times;
    n += row.times;
  }
  EXPECT_EQ(n, 8U);
  EXPECT_THAT(times, testing::ElementsAre(1, 0, 5, 2));
  EXPECT_TRUE(draw_rows(std::vector<double>(3, 0.0), 8).empty());
}

}  // namespace
}  // namespace lathe
