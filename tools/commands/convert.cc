// lathe convert: a checkpoint's folder to a GGUF file, in its own types or by a recipe.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "models/import/import_checkpoint.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/plan_options.h"
#include "tools/commands/quantize_run.h"

namespace lathe {
namespace {

constexpr const char* kOutTypes = "auto, f32, f16, bf16, q8_0";

struct ConvertCommand {
  QuantizeCommand run;
  std::string folder, recipe;
  std::string out_type;
};

// --outtype as a recipe; "auto" keeps the types of the checkpoint.
std::string recipe_of(const std::string& out_type) {
  constexpr std::pair<const char*, const char*> kRecipes[] = {
      {"auto", "COPY"}, {"f32", "F32"}, {"f16", "F16"}, {"bf16", "BF16"}, {"q8_0", "Q8_0"}};
  for (const auto& [name, recipe] : kRecipes) {
    if (out_type == name) return recipe;
  }
  throw usage_error(
      fmt::format("--outtype {}: there are {}; any other type is a recipe, as in "
                  "`lathe convert DIR -o OUT Q4_K_M`",
                  quoted(out_type), kOutTypes));
}

void check(ConvertCommand& options) {
  PlanOptions& plan = options.run.job.plan;
  plan.model = options.folder;
  if (!is_checkpoint(options.folder)) {
    throw usage_error(
        fmt::format("{}: expected the folder of a checkpoint (`lathe quantize` takes GGUF files)",
                    quoted(options.folder)));
  }
  set_recipe(plan, options.recipe);
  const bool has_recipe = !plan.recipe.empty() || !plan.plan_file.empty();
  if (has_recipe && !options.out_type.empty()) {
    throw usage_error("--outtype and a recipe (or plan) say two different things");
  }
  if (!has_recipe) plan.recipe = recipe_of(options.out_type.empty() ? "auto" : options.out_type);
  if (options.run.job.out.empty() && !options.run.dry_run) {
    throw usage_error("no output is given: -o OUT.gguf (--dry-run writes nothing)");
  }
}

}  // namespace

void add_convert(CLI::App& root, ToolContext& context) {
  const auto options = std::make_shared<ConvertCommand>();
  CLI::App* command = root.add_subcommand(
      "convert", "Write a checkpoint (safetensors) as a GGUF file, in its types or by recipe");
  command->add_option("folder", options->folder, "Folder with config.json and *.safetensors")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("recipe_argument", options->recipe,
                   "As of `lathe quantize`, in one pass: without one, --outtype")
      ->type_name("RECIPE");
  command->add_option("-o,--output,--outfile", options->run.job.out, "The GGUF file to write")
      ->type_name("FILE");
  command
      ->add_option(
          "--outtype", options->out_type,
          std::string("Type of matrices: ") + kOutTypes + " (default: auto, the checkpoint's own)")
      ->type_name("TYPE");
  command
      ->add_option("--pre", options->run.job.plan.import.pre,
                   "Pre-tokenizer, where its pattern is not known to lathe")
      ->type_name("NAME");
  add_quantize_options(*command, options->run);
  command->callback([options, &context] {
    check(*options);
    context.exit_code = run_quantize(options->run, context);
  });
}

}  // namespace lathe
