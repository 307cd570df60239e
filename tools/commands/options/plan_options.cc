#include "tools/commands/options/plan_options.h"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

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

// Rules and files of rules, which count in the order in which they are given.
void add_rules(CLI::App& command, std::vector<RuleOption>& rules) {
  struct Given {
    std::vector<std::string> types, files;
  };
  const auto given = std::make_shared<Given>();
  const CLI::Option* type =
      command
          .add_option("--tensor-type", given->types,
                      "Type of all tensors whose names the regular expression matches, also with "
                      "--pure; may be repeated")
          ->type_name("PATTERN=TYPE")
          ->allow_extra_args(false);
  const CLI::Option* file = command
                                .add_option("--tensor-type-file", given->files,
                                            "The same from a file, separated by white space")
                                ->type_name("FILE")
                                ->allow_extra_args(false);
  command.parse_complete_callback([&command, &rules, given, type, file] {
    rules.clear();
    std::size_t n_types = 0, n_files = 0;
    for (const CLI::Option* option : command.parse_order()) {
      if (option == type) rules.push_back({given->types[n_types++], false});
      if (option == file) rules.push_back({given->files[n_files++], true});
    }
  });
}

}  // namespace

void add_plan_options(CLI::App& command, PlanOptions& o) {
  const auto repeatable = [&](const char* name, std::vector<std::string>& values, const char* type,
                              const char* help) {
    command.add_option(name, values, help)->type_name(type)->allow_extra_args(false);
  };
  command.add_option("--recipe", o.recipe, "The recipe, if it is not among the arguments")
      ->type_name("NAME");
  command.add_option("--plan", o.plan_file, "A plan file instead of a recipe and its options")
      ->type_name("FILE");
  command.add_option("--imatrix", o.imatrix, "Importance matrix to quantize by")->type_name("FILE");
  add_rules(command, o.rules);
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

void set_recipe(PlanOptions& options, const std::string& argument) {
  if (argument.empty()) return;
  if (!options.recipe.empty()) {
    throw usage_error("two recipes are given: " + quoted(argument) + " and --recipe " +
                      quoted(options.recipe));
  }
  options.recipe = argument;
}

}  // namespace lathe
