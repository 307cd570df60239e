#include "quant/costs/measured_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "quant/costs/knapsack.h"
#include "quant/plan/plan_summary.h"
#include "runtime/base/error.h"
#include "runtime/gguf/gguf_writer.h"

namespace lathe {
namespace {

std::uint64_t padded(std::uint64_t bytes) noexcept {
  return (bytes + kGgufAlignment - 1) / kGgufAlignment * kGgufAlignment;
}

std::uint64_t bytes_in(Format format, const TensorInfo& tensor) {
  return *checked_bytes(format, tensor.n_elements());
}

// general.file_type of a mix: of the first recipe with the format of most weights as its base.
std::uint32_t file_type_of(const Plan& plan) {
  const std::vector<FormatTotal> totals = format_totals(plan);
  const FormatTotal* most = nullptr;
  for (const FormatTotal& total : totals) {
    if (most == nullptr || total.n_elements > most->n_elements) most = &total;
  }
  for (const Recipe& recipe : all_recipes()) {
    if (most != nullptr && recipe.base == most->format) return recipe.file_type;
  }
  return plan.file_type;
}

void decide(PlannedTensor& tensor, Format format, double cost) {
  tensor.format = format;
  tensor.n_bytes = bytes_in(format, tensor.source);
  tensor.reason = fmt::format("measured: divergence {:.2e}", cost);
  tensor.needs_importance = layer_of_tensor(tensor.source.name) >= 0 && !tensor.copied() &&
                            format_needs_importance(format, kMeasuredRecipe);
}

// Choices that another one beats in bytes and in cost, or equals.
void drop_dominated(KnapsackItem& choices, std::vector<Format>& formats) {
  KnapsackItem kept;
  std::vector<Format> kept_formats;
  for (std::size_t c = 0; c < choices.size(); ++c) {
    const auto beats = [&](std::size_t d) {
      const Choice &a = choices[d], &b = choices[c];
      const bool same = a.bytes == b.bytes && a.cost == b.cost;
      return a.bytes <= b.bytes && a.cost <= b.cost && (!same || d < c);
    };
    bool beaten = false;
    for (std::size_t d = 0; d < choices.size() && !beaten; ++d) beaten = d != c && beats(d);
    if (beaten) continue;
    kept.push_back(choices[c]);
    kept_formats.push_back(formats[c]);
  }
  choices = std::move(kept);
  formats = std::move(kept_formats);
}

bool has(const std::vector<Format>& formats, Format format) {
  return std::find(formats.begin(), formats.end(), format) != formats.end();
}

}  // namespace

// The tensors that count, as items; what an item's choices stand for; and what is not theirs.
struct MeasuredPlanner::Problem {
  struct Item {
    const PlannedTensor* tensor;
    std::vector<Format> formats;  // by choice
  };
  std::vector<KnapsackGroup> groups;
  std::vector<std::vector<Item>> items;  // as groups have them
  std::vector<int> layers;               // by group; -1: none that could be left out
  std::uint64_t other_file_bytes = 0;    // of the file, beside the items
  std::uint64_t other_tensor_bytes = 0;  // of tensor data
};

MeasuredPlanner::MeasuredPlanner(const ModelHeader& model, const CostFile& costs,
                                 MeasuredPlanRequest request)
    : model_(model), costs_(costs), request_(std::move(request)) {
  request_.rules.recipe = find_recipe("COPY");
  for (const Format format : request_.types) {
    const auto knows = [&](const TensorCosts& t) {
      return t.weights[index_of(format)].has_value();
    };
    if (std::any_of(costs.tensors.begin(), costs.tensors.end(), knows)) continue;
    throw usage_error(
        fmt::format("{}: the costs say nothing of the type {}", costs.origin, format_name(format)));
  }
  if (request_.may_prune && costs.layers.empty()) {
    throw usage_error(costs.origin +
                      ": the costs of leaving out layers were not measured (measure --layers)");
  }
  if (request_.may_prune && request_.rules.rules_after_prune) {
    throw usage_error(
        "layers that a plan may leave out are not known yet: rules mean the original numbers");
  }
  base_ = make_plan(model, request_.rules);
  base_.recipe = kMeasuredRecipe;
}

std::uint64_t MeasuredPlanner::file_bytes(const Plan& plan) const {
  return planned_file_bytes(plan, request_.metadata(plan)) + request_.reserve;
}

std::optional<double> MeasuredPlanner::predict(const Plan& plan) const {
  double sum = 0.0;
  for (const int layer : plan.pruned_layers) {
    if (costs_.layers.empty()) return std::nullopt;
    sum += costs_.layers[static_cast<std::size_t>(layer)];
  }
  for (const PlannedTensor& t : plan.tensors) {
    if (t.copied()) continue;
    const TensorCosts* costs = costs_.find(t.source.name);
    const auto cost =
        costs == nullptr ? std::nullopt : costs->total(t.format, request_.activations);
    if (!cost) return std::nullopt;
    sum += *cost;
  }
  return sum;
}

MeasuredPlanner::Problem MeasuredPlanner::make_problem() const {
  Problem problem;
  std::map<int, std::size_t> group_of;  // by layer; only of those that may be left out
  // Metadata say of each tensor that is encoded what its importance was: as if all were.
  Plan encoded = base_;
  std::uint64_t item_bytes = 0;
  problem.other_tensor_bytes = base_.bytes();
  for (std::size_t index = 0; index < base_.tensors.size(); ++index) {
    const PlannedTensor& t = base_.tensors[index];
    const TensorCosts* costs = is_quantizable(t.source) ? costs_.find(t.source.name) : nullptr;
    if (costs == nullptr) continue;
    const int layer = request_.may_prune ? layer_of_tensor(t.source.name) : -1;
    std::size_t group = problem.groups.size();
    if (layer >= 0) group = group_of.try_emplace(layer, group).first->second;
    if (group == problem.groups.size()) {
      problem.groups.emplace_back();
      problem.items.emplace_back();
      problem.layers.push_back(layer);
      if (layer >= 0) problem.groups[group].left_out = costs_.layers[std::size_t(layer)];
    }
    Problem::Item item{&t, {}};
    KnapsackItem choices;
    const auto add = [&](Format format, double cost) {
      item.formats.push_back(format);
      choices.push_back({padded(bytes_in(format, t.source)), cost});
    };
    for (std::size_t f = 0; f < kFormatCount && !t.by_rule; ++f) {
      const auto format = static_cast<Format>(f);
      if (!request_.types.empty() && !has(request_.types, format)) continue;
      const bool wants =
          format_needs_importance(format, kMeasuredRecipe) && layer_of_tensor(t.source.name) >= 0;
      if (wants && format != t.source.format && !(request_.rules.imatrix && t.use_importance))
        continue;
      if (const auto cost = costs->total(format, request_.activations)) add(format, *cost);
    }
    if (choices.empty()) {  // a rule's, or nothing that fits its rows
      add(t.format, costs->total(t.format, request_.activations).value_or(0.0));
    }
    drop_dominated(choices, item.formats);
    PlannedTensor& other = encoded.tensors[index];
    for (const Format format : item.formats) {
      if (format != t.source.format) decide(other, format, 0.0);
    }
    item_bytes += padded(other.n_bytes);
    problem.other_tensor_bytes -= t.n_bytes;
    problem.groups[group].items.push_back(std::move(choices));
    problem.items[group].push_back(std::move(item));
  }
  problem.other_file_bytes = file_bytes(encoded) - item_bytes;
  return problem;
}

Plan MeasuredPlanner::plan_of(const Problem& problem, const Selection& selection) const {
  std::map<std::string, std::pair<Format, double>> chosen;
  PlanRequest rules = request_.rules;
  for (std::size_t g = 0; g < problem.items.size(); ++g) {
    if (selection.choices[g].front() == Selection::kLeftOut) {
      rules.prune_layers.push_back(problem.layers[g]);
      continue;
    }
    for (std::size_t i = 0; i < problem.items[g].size(); ++i) {
      const auto c = static_cast<std::size_t>(selection.choices[g][i]);
      chosen[problem.items[g][i].tensor->source.name] = {problem.items[g][i].formats[c],
                                                         problem.groups[g].items[i][c].cost};
    }
  }
  Plan plan = make_plan(model_, rules);
  for (PlannedTensor& t : plan.tensors) {
    const auto found = chosen.find(t.source.name);
    if (found == chosen.end() || t.by_rule) continue;
    decide(t, found->second.first, found->second.second);
  }
  plan.recipe = kMeasuredRecipe;
  plan.file_type = file_type_of(plan);
  return plan;
}

MeasuredPlan MeasuredPlanner::solve(const Problem& problem, std::uint64_t capacity) const {
  const auto selection = solve_knapsack(problem.groups, capacity);
  if (!selection) {
    throw usage_error(fmt::format(
        "no file is that small: the types allowed make one of {} bytes at least", smallest_file()));
  }
  MeasuredPlan out{.plan = plan_of(problem, *selection),
                   .predicted = selection->cost,
                   .bound = selection->bound,
                   .exact = selection->exact};
  for (const int layer : base_.pruned_layers) {
    if (costs_.layers.empty()) break;
    out.predicted += costs_.layers[static_cast<std::size_t>(layer)];
    out.bound += costs_.layers[static_cast<std::size_t>(layer)];
  }
  out.types_alone = !base_.pruned_layers.empty() && costs_.layers.empty();
  out.file_bytes = file_bytes(out.plan);
  return out;
}

MeasuredPlan MeasuredPlanner::for_file_bytes(std::uint64_t bytes) const {
  const Problem problem = make_problem();
  if (bytes < problem.other_file_bytes) {
    throw usage_error(
        fmt::format("no file is that small: the smallest has {} bytes", smallest_file()));
  }
  std::uint64_t capacity = bytes - problem.other_file_bytes;
  while (true) {  // a smaller capacity has a smaller file, or none
    MeasuredPlan out = solve(problem, capacity);
    if (out.file_bytes <= bytes) return out;
    // Metadata that follow from what was chosen.
    capacity -= std::min(capacity, out.file_bytes - bytes);
  }
}

MeasuredPlan MeasuredPlanner::for_bits_per_weight(double bits) const {
  const Problem problem = make_problem();
  const double bytes = bits / 8.0 * static_cast<double>(base_.n_elements()) -
                       static_cast<double>(problem.other_tensor_bytes);
  return solve(problem, bytes <= 0.0 ? 0 : static_cast<std::uint64_t>(bytes));
}

std::uint64_t MeasuredPlanner::smallest_file() const {
  const Problem problem = make_problem();
  std::uint64_t bytes = problem.other_file_bytes;
  for (const KnapsackGroup& group : problem.groups) {
    if (group.left_out) continue;
    for (const KnapsackItem& item : group.items) {
      bytes += std::min_element(item.begin(), item.end(), [](const Choice& a, const Choice& b) {
                 return a.bytes < b.bytes;
               })->bytes;
    }
  }
  return bytes;
}

std::uint64_t MeasuredPlanner::largest_file() const { return file_bytes(base_); }

}  // namespace lathe
