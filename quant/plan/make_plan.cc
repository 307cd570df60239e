// make_plan(): one decision per tensor, and what came of each explicit rule.
#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>

#include "quant/plan/layer_list.h"
#include "quant/plan/plan.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

// Layers to prune: ascending, each once, some of the model's but not all.
std::vector<int> pruned_layers(const ModelHeader& model, std::vector<int> layers) {
  std::sort(layers.begin(), layers.end());
  layers.erase(std::unique(layers.begin(), layers.end()), layers.end());
  for (const int layer : layers) {
    if (layer >= 0 && layer < model.n_layer) continue;
    throw usage_error(fmt::format("there is no layer {} to prune; the model has layers 0 to {}",
                                  layer, model.n_layer - 1));
  }
  if (!layers.empty() && static_cast<int>(layers.size()) == model.n_layer) {
    throw usage_error(fmt::format("all {} layers would be pruned", model.n_layer));
  }
  return layers;
}

// What recipes see: the model as it is after pruning.
RecipeShape shape_after(const ModelHeader& model, const std::vector<int>& pruned) {
  RecipeShape shape{.n_layer = model.n_layer - static_cast<int>(pruned.size()),
                    .n_head = model.n_head,
                    .n_head_kv = model.n_head_kv,
                    .tied_output = model.tied_output};
  std::size_t first = 0;  // the first layer that stays
  while (first < pruned.size() && pruned[first] == static_cast<int>(first)) ++first;
  if (first < model.layer_heads.size()) shape.n_head = model.layer_heads[first];
  if (first < model.layer_heads_kv.size()) shape.n_head_kv = model.layer_heads_kv[first];
  return shape;
}

void check_request(const PlanRequest& request) {
  if (!request.include_weights.empty() && !request.exclude_weights.empty()) {
    throw usage_error("--include-weights and --exclude-weights exclude each other");
  }
  if (request.recipe->copy && request.pure) {
    throw usage_error("--pure means a recipe's base type, and COPY has none");
  }
  if (request.leave_output && request.output_format) {
    throw usage_error("--leave-output-tensor and --output-tensor-type contradict each other");
  }
}

// Of a copy: the model's own, or that of the recipe that is named after the format of most weights.
std::uint32_t file_type_of_copy(const ModelHeader& model) {
  if (model.file_type) return *model.file_type;
  std::map<Format, std::uint64_t> weights;
  for (const TensorInfo& t : model.tensors) {
    if (is_quantizable(t)) weights[t.format] += t.n_elements();
  }
  const auto most =
      std::max_element(weights.begin(), weights.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  for (const Recipe& recipe : all_recipes()) {
    if (most != weights.end() && recipe.base == most->first) return recipe.file_type;
  }
  return 0;
}

bool contains(const std::string& name, const std::string& part) {
  return name.find(part) != std::string::npos;
}

class Planner {
 public:
  Planner(const ModelHeader& model, const PlanRequest& request)
      : model_(model), request_(request), pruned_(pruned_layers(model, request.prune_layers)) {
    check_request(request);
    shape_ = shape_after(model, pruned_);
    shape_.imatrix = request.imatrix && any_importance();
    add_reports();
  }

  Plan run() {
    Plan plan;
    plan.recipe = request_.recipe->name;
    plan.file_type = request_.recipe->copy ? file_type_of_copy(model_) : request_.recipe->file_type;
    plan.imatrix = request_.imatrix;
    plan.pruned_layers = pruned_;
    plan.overrides = request_.overrides;
    plan.tensors.reserve(model_.tensors.size());
    for (const TensorInfo& tensor : model_.tensors) {
      auto name = name_after_pruning(tensor.name, pruned_);
      if (name) {
        plan.tensors.push_back(plan_tensor(tensor, std::move(*name)));
      } else {
        note_pruned(tensor.name);
      }
    }
    plan.rule_reports = std::move(reports_);
    return plan;
  }

 private:
  // An explicit wish for a tensor's type.
  struct Wish {
    std::size_t report;
    Format format;
  };

  static constexpr std::size_t kNoReport = ~std::size_t{0};

  std::size_t add_report(std::string label) {
    reports_.emplace_back().rule = std::move(label);
    return reports_.size() - 1;
  }

  void add_reports() {
    const auto of_type = [](const char* option, Format format) {
      return fmt::format("{} {}", option, format_name(format));
    };
    if (request_.embedding_format) {
      embedding_report_ = add_report(of_type("--token-embedding-type", *request_.embedding_format));
    }
    if (request_.output_format) {
      output_report_ = add_report(of_type("--output-tensor-type", *request_.output_format));
    }
    if (request_.leave_output) leave_report_ = add_report("--leave-output-tensor");
    first_rule_report_ = reports_.size();
    for (const TypeRule& rule : request_.rules) add_report(rule.label);
    first_weights_report_ = reports_.size();
    for (const std::string& part : request_.include_weights) {
      add_report("--include-weights " + printable(part));
    }
    for (const std::string& part : request_.exclude_weights) {
      add_report("--exclude-weights " + printable(part));
    }
  }

  bool uses_importance(const std::string& name) const {
    const auto in_name = [&](const std::string& part) { return contains(name, part); };
    const auto& include = request_.include_weights;
    const auto& exclude = request_.exclude_weights;
    if (!include.empty()) return std::any_of(include.begin(), include.end(), in_name);
    return std::none_of(exclude.begin(), exclude.end(), in_name);
  }

  // An importance matrix that no tensor may use is none.
  bool any_importance() const {
    return std::any_of(model_.tensors.begin(), model_.tensors.end(), [&](const TensorInfo& t) {
      return is_quantizable(t) && uses_importance(t.name);
    });
  }

  const std::string& name_for_rules(const TensorInfo& tensor, const std::string& new_name) const {
    return request_.rules_after_prune ? new_name : tensor.name;
  }

  // In order of precedence: the first decides.
  std::vector<Wish> wishes_for(const TensorInfo& tensor, const std::string& new_name) const {
    const bool output = tensor.name == "output.weight";
    const bool embedding = tensor.name == "token_embd.weight";
    std::vector<Wish> wishes;
    if (embedding && request_.embedding_format) {
      wishes.push_back({embedding_report_, *request_.embedding_format});
    }
    if (output && request_.output_format) {
      wishes.push_back({output_report_, *request_.output_format});
    }
    if (output && request_.leave_output) wishes.push_back({leave_report_, tensor.format});
    const std::string& name = name_for_rules(tensor, new_name);
    for (std::size_t i = 0; i < request_.rules.size(); ++i) {
      const TypeRule& rule = request_.rules[i];
      if (rule.matches(name)) wishes.push_back({first_rule_report_ + i, rule.format});
    }
    if (embedding && shape_.tied_output && request_.output_format) {
      wishes.push_back({output_report_, *request_.output_format});
    }
    return wishes;
  }

  FormatChoice choose(const TensorInfo& tensor, const std::string& new_name) {
    const std::vector<Wish> wishes = wishes_for(tensor, new_name);
    if (!is_quantizable(tensor)) {
      for (const Wish& wish : wishes) ++reports_[wish.report].n_kept;
      return {tensor.format, "kept: norm, bias or small"};
    }
    if (!wishes.empty()) return granted(wishes, tensor, new_name);
    const Recipe& recipe = *request_.recipe;
    if (recipe.copy) return {tensor.format, std::string(recipe.name)};
    if (request_.pure) return {recipe.base, fmt::format("{}: base, --pure", recipe.name)};
    return recipe_choice(recipe, shape_, new_name, tensor.cols());
  }

  FormatChoice granted(const std::vector<Wish>& wishes, const TensorInfo& tensor,
                       const std::string& new_name) {
    const Wish& wish = wishes.front();
    RuleReport& report = reports_[wish.report];
    note_tensor(report, tensor.name, new_name);
    if (format_for_row(wish.format, tensor.cols()) != wish.format) ++report.n_fallback;
    for (std::size_t i = 1; i < wishes.size(); ++i) {
      ++reports_[wishes[i].report].lost_to[report.rule];
    }
    return {wish.format, report.rule};
  }

  void note_tensor(RuleReport& report, const std::string& name, const std::string& new_name) const {
    ++report.n_decided;
    const auto add = [](std::vector<int>& layers, int layer) {
      const auto at = std::lower_bound(layers.begin(), layers.end(), layer);
      if (layer >= 0 && (at == layers.end() || *at != layer)) layers.insert(at, layer);
    };
    add(report.layers, layer_of_tensor(name));
    if (!pruned_.empty()) add(report.new_layers, layer_of_tensor(new_name));
  }

  // Rules mean the original numbers, and so can match what is left out.
  void note_pruned(const std::string& name) {
    if (request_.rules_after_prune) return;
    for (std::size_t i = 0; i < request_.rules.size(); ++i) {
      if (request_.rules[i].matches(name)) ++reports_[first_rule_report_ + i].n_pruned;
    }
  }

  void note_importance(const TensorInfo& tensor, const std::string& new_name) {
    std::size_t report = first_weights_report_;
    for (const auto* parts : {&request_.include_weights, &request_.exclude_weights}) {
      for (const std::string& part : *parts) {
        if (contains(tensor.name, part)) note_tensor(reports_[report], tensor.name, new_name);
        ++report;
      }
    }
  }

  PlannedTensor plan_tensor(const TensorInfo& tensor, std::string new_name) {
    FormatChoice choice = choose(tensor, new_name);
    PlannedTensor out;
    out.source = tensor;
    out.by_rule = is_quantizable(tensor) && !wishes_for(tensor, new_name).empty();
    out.format = choice.format == tensor.format ? tensor.format
                                                : format_for_row(choice.format, tensor.cols());
    out.fallback = out.format != choice.format;
    if (out.fallback) {
      choice.reason +=
          fmt::format("; {} does not fit rows of {}", format_name(choice.format), tensor.cols());
    }
    out.reason = std::move(choice.reason);
    out.n_bytes = *checked_bytes(out.format, tensor.n_elements());
    out.needs_importance = layer_of_tensor(tensor.name) >= 0 && !out.copied() &&
                           format_needs_importance(out.format, request_.recipe->name);
    out.use_importance = uses_importance(tensor.name);
    if (is_quantizable(tensor)) note_importance(tensor, new_name);
    out.name = std::move(new_name);
    return out;
  }

  const ModelHeader& model_;
  const PlanRequest& request_;
  std::vector<int> pruned_;
  RecipeShape shape_;
  std::vector<RuleReport> reports_;
  std::size_t embedding_report_ = kNoReport, output_report_ = kNoReport, leave_report_ = kNoReport;
  std::size_t first_rule_report_ = 0, first_weights_report_ = 0;
};

}  // namespace

Plan make_plan(const ModelHeader& model, const PlanRequest& request) {
  return Planner(model, request).run();
}

}  // namespace lathe
