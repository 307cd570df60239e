// lathe quantize: a model to a smaller one, by recipe.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/plan_options.h"
#include "tools/commands/quantize_run.h"

namespace lathe {
namespace {

int threads_from(const std::string& text) {
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n < 1) {
    throw usage_error(fmt::format("{} is no number of threads", quoted(text)));
  }
  return n;
}

// IN [OUT] RECIPE [THREADS]. OUT may be left out: what stands there is a recipe then, and so a file
// that is named as a recipe is written "./Q8_0". With --recipe or --plan there is no RECIPE.
void take_arguments(const std::vector<std::string>& args, QuantizeCommand& options) {
  PlanOptions& plan = options.job.plan;
  plan.model = args[0];
  const bool elsewhere = !plan.recipe.empty() || !plan.plan_file.empty();
  std::size_t next = 1;
  // Where the recipe is given elsewhere, a number is one of threads.
  const auto recipe_next = [&] {
    return next < args.size() && find_recipe(args[next]) != nullptr &&
           !(elsewhere && is_recipe_number(args[next]));
  };
  if (next < args.size() && !recipe_next()) options.job.out = args[next++];
  if (next == 2 && options.job.out.empty()) throw usage_error("the name of the output is empty");
  if (!elsewhere && next == args.size()) {
    const std::string& last = args.back();
    throw usage_error(next == 1 ? "expected IN [OUT] RECIPE; no recipe is given"
                                : fmt::format("expected IN [OUT] RECIPE; {} is no recipe; there "
                                              "are: {}",
                                              quoted(last), recipe_names()));
  }
  if (!elsewhere || recipe_next()) set_recipe(plan, args[next++]);
  if (next < args.size()) options.n_threads = threads_from(args[next++]);
  if (next < args.size()) throw usage_error(quoted(args[next]) + " is one argument too many");
}

}  // namespace

void add_quantize(CLI::App& root, ToolContext& context) {
  const auto options = std::make_shared<QuantizeCommand>();
  const auto arguments = std::make_shared<std::vector<std::string>>();
  CLI::App* command =
      root.add_subcommand("quantize", "Write a model in smaller formats, by recipe");
  command
      ->add_option("arguments", *arguments,
                   "IN [OUT] RECIPE [THREADS]; IN is a GGUF file or a checkpoint's folder; without "
                   "OUT ggml-model-RECIPE.gguf beside IN, with --plan or --recipe no RECIPE")
      ->required()
      ->expected(1, 4)
      ->type_name("IN OUT RECIPE");
  add_quantize_options(*command, *options);
  command->callback([options, arguments, &context] {
    QuantizeCommand given = *options;
    take_arguments(*arguments, given);
    context.exit_code = run_quantize(std::move(given), context);
  });
}

}  // namespace lathe
