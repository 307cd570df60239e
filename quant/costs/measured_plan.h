// Plans from measured costs: the formats that make a file of a size, or of fewer bytes, differ
// least from its source.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "quant/costs/cost_file.h"
#include "quant/plan/plan.h"
#include "runtime/gguf/metadata.h"

namespace lathe {

struct Selection;  // quant/costs/knapsack.h

struct MeasuredPlanRequest {
  // Explicit rules, which always win, and layers to prune; its recipe is not used.
  PlanRequest rules;
  std::vector<Format> types;  // that may be chosen; empty: all that were measured
  bool activations = true;    // what lathe's own products round counts too
  bool may_prune = false;     // layers may be left out, where that was measured
  // Metadata of the file that a plan makes, for its size.
  std::function<Metadata(const Plan&)> metadata;
  std::uint64_t reserve = 0;  // bytes of the file that are not known yet
};

struct MeasuredPlan {
  Plan plan;
  std::uint64_t file_bytes = 0;  // with the reserve
  // Divergence in nats a token. The sum of costs; what is measured afterwards was 1.0 to 1.2 times
  // that.
  double predicted = 0.0;
  double bound = 0.0;  // no plan within the size has a lower sum
  bool exact = false;  // none has
  // Layers are pruned and what that costs was not measured: the prediction is of types alone.
  bool types_alone = false;
};

class MeasuredPlanner {
 public:
  // All outlive it. Error (kUsage) as of make_plan(), for types that were not measured, and where
  // layers may be pruned and their costs are missing.
  MeasuredPlanner(const ModelHeader& model, const CostFile& costs, MeasuredPlanRequest request);

  // A file of at most so many bytes. Error (kUsage) when there is none, naming the smallest.
  MeasuredPlan for_file_bytes(std::uint64_t bytes) const;
  // At most so many bits for each weight of the source, tensor data only. Error (kUsage) too.
  MeasuredPlan for_bits_per_weight(double bits) const;
  std::uint64_t smallest_file() const;
  std::uint64_t largest_file() const;  // all that may be is as the source has it

  // Sum of the costs of any plan of this model; nothing where one of its formats was not measured.
  std::optional<double> predict(const Plan& plan) const;
  std::uint64_t file_bytes(const Plan& plan) const;

 private:
  struct Problem;

  Problem make_problem() const;
  MeasuredPlan solve(const Problem& problem, std::uint64_t capacity) const;
  Plan plan_of(const Problem& problem, const Selection& selection) const;

  const ModelHeader& model_;
  const CostFile& costs_;
  MeasuredPlanRequest request_;
  Plan base_;  // all as the source has it, but for rules
};

// "measured": the recipe's name in such plans.
inline constexpr const char* kMeasuredRecipe = "measured";

}  // namespace lathe
