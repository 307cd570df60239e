// lathe quantize: a model to a smaller one, by recipe.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "quant/quantize.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/commands.h"
#include "tools/interrupt.h"
#include "tools/kernels_of.h"
#include "tools/plan_options.h"
#include "tools/plan_report.h"
#include "tools/progress.h"

namespace lathe {
namespace {

struct QuantizeOptions {
  std::vector<std::string> positional;  // IN OUT [RECIPE] [THREADS]; OUT optional with --dry-run
  PlanOptions plan;
  int n_threads = 0;
  bool dry_run = false;
};

struct Arguments {
  std::string in, out;
  std::string recipe;  // empty where --recipe or --plan says it
  int n_threads = 0;
};

int threads_from(const std::string& text) {
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n < 1) {
    throw usage_error(fmt::format("{} is no number of threads", lathe::quoted(text)));
  }
  return n;
}

Arguments arguments_of(const QuantizeOptions& options) {
  const std::vector<std::string>& args = options.positional;
  Arguments out{.in = args[0], .out = {}, .recipe = {}, .n_threads = options.n_threads};
  std::size_t next = 1;
  const auto recipe_next = [&] { return next < args.size() && find_recipe(args[next]) != nullptr; };
  if (!(options.dry_run && (next == args.size() || recipe_next()))) {
    if (next == args.size()) throw usage_error("expected IN OUT RECIPE; no output is given");
    out.out = args[next++];
  }
  const bool without_recipe = !options.plan.recipe.empty() || !options.plan.plan_file.empty();
  if (!without_recipe && next == args.size()) {
    throw usage_error("expected IN OUT RECIPE; no recipe is given");
  }
  if (!without_recipe || recipe_next()) out.recipe = args[next++];
  if (next < args.size()) out.n_threads = threads_from(args[next++]);
  if (next < args.size())
    throw usage_error(lathe::quoted(args[next]) + " is one argument too many");
  return out;
}

void print_worst(const std::vector<TensorError>& errors) {
  constexpr std::size_t kShown = 3;
  std::vector<TensorError> worst = errors;
  std::sort(worst.begin(), worst.end(),
            [](const auto& a, const auto& b) { return a.relative_rms > b.relative_rms; });
  worst.resize(std::min(worst.size(), kShown));
  if (worst.empty()) return;
  fmt::print("largest relative errors (sampled):");
  for (const TensorError& e : worst) fmt::print(" {} {:.2f} %", e.name, 100.0 * e.relative_rms);
  fmt::print("\n");
}

QuantizeResult run_job(QuantizeJob job, const KernelTable& kernels, ThreadPool& pool) {
  Progress progress("quantize");
  const std::size_t n = job.plan.tensors.size();
  job.progress = [&](const QuantizeProgress& p) {
    progress.update(static_cast<double>(p.elements_done) /
                        static_cast<double>(std::max<std::uint64_t>(1, p.elements_total)),
                    fmt::format("{}/{} {} to {}", p.index + 1, n, p.tensor->source.name,
                                format_name(p.tensor->format)));
    return !InterruptGuard::requested();
  };
  return quantize(job, kernels, pool);
}

int quantize_command(const QuantizeOptions& options, const ToolContext& context) {
  const Arguments arguments = arguments_of(options);
  const PlannedModel model = plan_model(arguments.in, arguments.recipe, options.plan);
  const QuantizeJob job = model.job(arguments.out, options.plan.allow_requantize);
  if (options.dry_run) return print_plan(model, job) ? 0 : 2;
  print_rules(model.plan, job.imatrix);

  const KernelTable kernels = kernels_of(context);
  ThreadPool pool({.n_threads = arguments.n_threads});
  const InterruptGuard interrupt;
  try {
    const QuantizeResult result = run_job(job, kernels, pool);
    for (const std::string& warning : result.warnings) fmt::print(stderr, "lathe: {}\n", warning);
    print_totals(model.plan);
    print_worst(result.errors);
    fmt::print("wrote {} ({} MB)\n", arguments.out, megabytes(result.file_bytes));
  } catch (const Error&) {
    if (!InterruptGuard::requested()) throw;
    fmt::print(stderr, "lathe: interrupted, nothing was written\n");
    return kInterruptedExitCode;
  }
  return 0;
}

}  // namespace

void add_quantize(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<QuantizeOptions>();
  CLI::App* command =
      root.add_subcommand("quantize", "Write a model in smaller formats, by recipe");
  command
      ->add_option("arguments", options->positional,
                   "IN OUT RECIPE [THREADS]; with --dry-run OUT may be left out, with --plan or "
                   "--recipe RECIPE")
      ->required()
      ->expected(1, 4)
      ->type_name("IN OUT RECIPE");
  command->add_option("-t,--threads", options->n_threads, "Threads (default: one per core)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command->add_flag("--dry-run", options->dry_run,
                    "Print what would be done, write nothing (see also `lathe plan`)");
  add_plan_options(*command, options->plan);
  command->callback(
      [options, &context] { context.exit_code = quantize_command(*options, context); });
}

}  // namespace lathe
