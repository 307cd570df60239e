#include "tools/commands/options/plan_options.h"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <utility>

#include "quant/plan/layer_list.h"
#include "quant/plan/plan_file.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr const char* kInPlan[] = {"--recipe",
                                   "--tensor-type",
                                   "--tensor-type-file",
                                   "--output-tensor-type",
                                   "--token-embedding-type",
                                   "--pure",
                                   "--leave-output-tensor",
                                   "--include-weights",
                                   "--exclude-weights",
                                   "--override-kv",
                                   "--prune-layers",
                                   "--tensor-type-after-prune"};

constexpr const char* kPrecedence =
    "What decides the type of a tensor, the first that applies:\n"
    "  1 norms, biases and 1-D tensors are never changed\n"
    "  2 --token-embedding-type, of token_embd.weight\n"
    "  3 --output-tensor-type, of output.weight\n"
    "  4 --leave-output-tensor, of output.weight\n"
    "  5 --tensor-type and --tensor-type-file in the order given: the first that matches\n"
    "  6 --output-tensor-type, of token_embd.weight where the head is tied to it\n"
    "  7 --pure: the recipe's base type\n"
    "  8 the recipe\n"
    "Rows that do not divide into blocks of that type get the next type that they fit.\n";

const Recipe* recipe_named(const std::string& name) {
  const Recipe* recipe = find_recipe(name);
  if (recipe == nullptr) {
    throw usage_error(
        fmt::format("unknown recipe {}; there are: {}", lathe::quoted(name), recipe_names()));
  }
  return recipe;
}

const Recipe* recipe_of(const std::string& argument, const PlanOptions& options) {
  if (!argument.empty() && !options.recipe.empty()) {
    throw usage_error("two recipes are given: " + lathe::quoted(argument) + " and --recipe " +
                      lathe::quoted(options.recipe));
  }
  const std::string& name = argument.empty() ? options.recipe : argument;
  if (name.empty()) throw usage_error("no recipe is given; there are: " + recipe_names());
  return recipe_named(name);
}

std::optional<Format> format_option(const char* option, const std::string& name) {
  if (name.empty()) return std::nullopt;
  Format format;
  if (!format_from_name(name, &format)) {
    throw usage_error(fmt::format("{}: unknown tensor type {}; there are: {}", option,
                                  lathe::quoted(name), all_format_names()));
  }
  return format;
}

// Rules and files of rules in the order in which they were given.
std::vector<TypeRule> rules_of(const PlanOptions& options) {
  const CLI::Option* type = options.command->get_option("--tensor-type");
  const CLI::Option* file = options.command->get_option("--tensor-type-file");
  std::vector<TypeRule> rules;
  std::size_t n_types = 0, n_files = 0;
  for (const CLI::Option* option : options.command->parse_order()) {
    if (option == type) {
      rules.push_back(parse_type_rule(options.types[n_types++], "--tensor-type"));
    } else if (option == file) {
      for (TypeRule& rule : read_type_rules(options.type_files[n_files++])) {
        rules.push_back(std::move(rule));
      }
    }
  }
  return rules;
}

PlanRequest request_of(const PlanOptions& options, const Recipe* recipe, const ModelHeader& model) {
  PlanRequest request{.recipe = recipe, .imatrix = !options.imatrix.empty(), .pure = options.pure};
  request.output_format = format_option("--output-tensor-type", options.output_type);
  request.embedding_format = format_option("--token-embedding-type", options.embedding_type);
  request.leave_output = options.leave_output;
  request.rules = rules_of(options);
  request.rules_after_prune = options.types_after_prune;
  request.include_weights = options.include_weights;
  request.exclude_weights = options.exclude_weights;
  if (options.command->count("--prune-layers") > 0) {
    request.prune_layers = parse_layer_list(options.prune_layers, model.n_layer, "--prune-layers");
  }
  for (const std::string& text : options.overrides) {
    request.overrides.push_back(parse_metadata_override(text));
  }
  return request;
}

void check_options(const PlanOptions& options) {
  const bool weights = !options.include_weights.empty() || !options.exclude_weights.empty();
  if (weights && options.imatrix.empty()) {
    throw usage_error("--include-weights and --exclude-weights choose from an --imatrix");
  }
  if (options.types_after_prune && options.command->count("--prune-layers") == 0) {
    throw usage_error("--tensor-type-after-prune goes with --prune-layers");
  }
}

void check_options_with_plan(const std::string& recipe, const PlanOptions& options) {
  if (!recipe.empty()) {
    throw usage_error(
        fmt::format("--plan has a recipe of its own: leave out {}", lathe::quoted(recipe)));
  }
  for (const char* name : kInPlan) {
    if (options.command->count(name) == 0) continue;
    throw usage_error(
        fmt::format("--plan decides what {} would: leave it out, or edit the plan", name));
  }
}

}  // namespace

std::string recipe_names() {
  std::string names;
  for (const Recipe& recipe : all_recipes()) {
    names += names.empty() ? "" : " ";
    names += recipe.name;
  }
  return names;
}

void add_plan_options(CLI::App& command, PlanOptions& o) {
  o.command = &command;
  const auto repeatable = [&](const char* name, std::vector<std::string>& values, const char* type,
                              const char* help) {
    command.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
  };
  command.add_option("--recipe", o.recipe, "The recipe, if it is not among the arguments")
      ->type_name("NAME");
  command.add_option("--plan", o.plan_file, "A plan file instead of a recipe and its options")
      ->type_name("FILE");
  command.add_option("--imatrix", o.imatrix, "Importance matrix to quantize by")->type_name("FILE");
  repeatable("--tensor-type", o.types, "PATTERN=TYPE",
             "Type of all tensors whose names the regular expression matches, also with --pure; "
             "may be repeated");
  repeatable("--tensor-type-file", o.type_files, "FILE",
             "The same from a file, separated by white space");
  command.add_option("--output-tensor-type", o.output_type, "Type of output.weight")
      ->type_name("TYPE");
  command.add_option("--token-embedding-type", o.embedding_type, "Type of token_embd.weight")
      ->type_name("TYPE");
  command.add_flag("--pure", o.pure, "The recipe's base type instead of its mix");
  command.add_flag("--leave-output-tensor", o.leave_output, "Keep output.weight as it is");
  command
      .add_option("--prune-layers", o.prune_layers,
                  "Layers to leave out, as 4,5,10-12; --tensor-type means the original numbers")
      ->type_name("LIST");
  command.add_flag("--tensor-type-after-prune", o.types_after_prune,
                   "--tensor-type means the layer numbers after pruning");
  repeatable("--include-weights", o.include_weights, "NAME",
             "Use the importance only of tensors with this in their names; may be repeated");
  repeatable("--exclude-weights", o.exclude_weights, "NAME",
             "Do not use the importance of tensors with this in their names; may be repeated");
  repeatable("--override-kv", o.overrides, "KEY=TYPE:VALUE",
             "Set metadata of the new file; TYPE is int, float, bool or str; may be repeated");
  command.add_flag("--allow-requantize", o.allow_requantize,
                   "Accept a source that is quantized already");
  command.add_flag("--allow-foreign-imatrix", o.allow_foreign_imatrix,
                   "Accept an importance matrix that is not certain to be of this model");
  command.footer(kPrecedence + ("Recipes: " + recipe_names()) + "\nTypes: " + all_format_names());
}

PlannedModel plan_model(const std::string& model, const std::string& recipe,
                        const PlanOptions& options) {
  const bool replay = !options.plan_file.empty();
  if (replay) {
    check_options_with_plan(recipe, options);
  } else {
    check_options(options);
  }
  const Recipe* chosen = replay ? nullptr : recipe_of(recipe, options);
  GgufFile source = GgufFile::open(model);
  ModelHeader header = read_model_header(source);
  std::optional<ModelIdentity> identity;
  if (options.identify) identity = options.identify(source);
  std::optional<Imatrix> imatrix;
  std::vector<std::string> notes;
  if (!options.imatrix.empty()) {
    imatrix = read_imatrix(options.imatrix);
    notes = fit_imatrix(*imatrix, origin_of(source, identity ? &*identity : nullptr),
                        options.allow_foreign_imatrix);
  }
  Plan plan = replay ? plan_for_model(read_plan(options.plan_file), header)
                     : make_plan(header, request_of(options, chosen, header));
  return {std::move(source),  std::move(header), std::move(identity),
          std::move(imatrix), std::move(notes),  std::move(plan)};
}

}  // namespace lathe
