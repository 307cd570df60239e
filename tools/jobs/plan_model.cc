#include "tools/jobs/plan_model.h"

#include <fmt/core.h>

#include <utility>

#include "models/registry.h"
#include "quant/imatrix/imatrix_origin.h"
#include "quant/plan/layer_list.h"
#include "quant/plan/plan_file.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

std::optional<Format> format_option(const char* option, const std::string& name) {
  if (name.empty()) return std::nullopt;
  Format format;
  if (!format_from_name(name, &format)) {
    throw usage_error(fmt::format("{}: unknown tensor type {}; there are: {}", option, quoted(name),
                                  all_format_names()));
  }
  return format;
}

std::vector<TypeRule> rules_of(const PlanOptions& options) {
  std::vector<TypeRule> rules;
  for (const RuleOption& option : options.rules) {
    if (!option.is_file) {
      rules.push_back(parse_type_rule(option.text, "--tensor-type"));
      continue;
    }
    for (TypeRule& rule : read_type_rules(option.text)) rules.push_back(std::move(rule));
  }
  return rules;
}

void check_options(const PlanOptions& options) {
  if (options.recipe.empty()) {
    throw usage_error("no recipe is given; there are: " + recipe_names());
  }
  require_recipe(options.recipe);  // before the model is opened
  const bool weights = !options.include_weights.empty() || !options.exclude_weights.empty();
  if (weights && options.imatrix.empty()) {
    throw usage_error("--include-weights and --exclude-weights choose from an --imatrix");
  }
  if (options.types_after_prune && !options.prune_layers) {
    throw usage_error("--tensor-type-after-prune goes with --prune-layers");
  }
}

bool any_rule(const PlanOptions& options, bool is_file) {
  for (const RuleOption& rule : options.rules) {
    if (rule.is_file == is_file) return true;
  }
  return false;
}

void check_options_with_plan(const PlanOptions& o) {
  if (!o.recipe.empty()) {
    throw usage_error(
        fmt::format("--plan has a recipe of its own: leave out {} (--recipe)", quoted(o.recipe)));
  }
  const std::pair<const char*, bool> given[] = {
      {"--tensor-type", any_rule(o, false)},
      {"--tensor-type-file", any_rule(o, true)},
      {"--output-tensor-type", !o.output_type.empty()},
      {"--token-embedding-type", !o.embedding_type.empty()},
      {"--pure", o.pure},
      {"--leave-output-tensor", o.leave_output},
      {"--include-weights", !o.include_weights.empty()},
      {"--exclude-weights", !o.exclude_weights.empty()},
      {"--override-kv", !o.overrides.empty()},
      {"--prune-layers", o.prune_layers.has_value()},
      {"--tensor-type-after-prune", o.types_after_prune}};
  for (const auto& [name, is_given] : given) {
    if (!is_given) continue;
    throw usage_error(
        fmt::format("--plan decides what {} would: leave it out, or edit the plan", name));
  }
}

void check_any(const PlanOptions& options) {
  options.plan_file.empty() ? check_options(options) : check_options_with_plan(options);
}

}  // namespace

PlanRequest plan_request(const PlanOptions& options, const ModelHeader& model) {
  PlanRequest request{.recipe = &require_recipe(options.recipe),
                      .imatrix = !options.imatrix.empty() || options.calibrated,
                      .pure = options.pure};
  request.output_format = format_option("--output-tensor-type", options.output_type);
  request.embedding_format = format_option("--token-embedding-type", options.embedding_type);
  request.leave_output = options.leave_output;
  request.rules = rules_of(options);
  request.rules_after_prune = options.types_after_prune;
  request.include_weights = options.include_weights;
  request.exclude_weights = options.exclude_weights;
  if (options.prune_layers) {
    request.prune_layers = parse_layer_list(*options.prune_layers, model.n_layer, "--prune-layers");
  }
  for (const std::string& text : options.overrides) {
    request.overrides.push_back(parse_metadata_override(text));
  }
  return request;
}

QuantizeJob PlannedModel::job(std::string out_path, bool allow_requantize) const {
  QuantizeJob job{*source, plan, imatrix ? &*imatrix : nullptr, std::move(out_path),
                  allow_requantize};
  job.identity = identity ? &*identity : nullptr;
  job.layer_metadata = layer_metadata(source->metadata());
  return job;
}

Plan plan_of(const PlanOptions& options, const ModelHeader& model) {
  check_any(options);
  return options.plan_file.empty() ? make_plan(model, plan_request(options, model))
                                   : plan_for_model(read_plan(options.plan_file), model);
}

PlannedModel plan_model(const PlanOptions& options) {
  check_any(options);  // before the model is opened
  PlannedModel model;
  model.source = open_source(options.model, options.import, options.import_notes);
  if (options.identify) model.identity = options.identify(*model.source);
  model.header = read_model_header(*model.source);
  if (!options.imatrix.empty()) {
    model.imatrix = read_imatrix(options.imatrix);
    const ModelIdentity* known = model.identity ? &*model.identity : nullptr;
    model.imatrix_notes =
        fit_imatrix(*model.imatrix, origin_of(*model.source, known), options.allow_foreign_imatrix);
  }
  model.plan = plan_of(options, model.header);
  return model;
}

}  // namespace lathe
