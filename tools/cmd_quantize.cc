// lathe quantize: a model to a smaller one, by recipe.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "quant/quantize.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/gguf_file.h"
#include "tools/commands.h"
#include "tools/interrupt.h"
#include "tools/kernels_of.h"
#include "tools/progress.h"
#include "tools/text_table.h"

namespace lathe {
namespace {

struct QuantizeOptions {
  std::vector<std::string> positional;  // IN OUT RECIPE [THREADS]; IN RECIPE with --dry-run
  std::string imatrix;
  std::string output_type, embedding_type;
  int n_threads = 0;
  bool dry_run = false;
  bool allow_requantize = false;
  bool pure = false;
};

struct Request {
  std::string in, out;
  const Recipe* recipe = nullptr;
  int n_threads = 0;
};

std::string recipe_names() {
  std::string names;
  for (const Recipe& recipe : all_recipes()) {
    names += names.empty() ? "" : " ";
    names += recipe.name;
  }
  return names;
}

const Recipe* recipe_named(const std::string& name) {
  const Recipe* recipe = find_recipe(name);
  if (recipe == nullptr) {
    throw usage_error(
        fmt::format("unknown recipe {}; there are: {}", lathe::quoted(name), recipe_names()));
  }
  return recipe;
}

int threads_from(const std::string& text) {
  int n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  if (error != std::errc{} || end != text.data() + text.size() || n < 1) {
    throw usage_error(fmt::format("{} is no number of threads", lathe::quoted(text)));
  }
  return n;
}

Request request_of(const QuantizeOptions& options) {
  const std::vector<std::string>& args = options.positional;
  Request request{.in = args[0], .out = {}, .recipe = nullptr, .n_threads = options.n_threads};
  std::size_t next = 1;
  const bool without_out = options.dry_run && find_recipe(args[1]) != nullptr;
  if (!without_out) request.out = args[next++];
  if (next >= args.size()) throw usage_error("expected IN OUT RECIPE; no recipe is given");
  request.recipe = recipe_named(args[next++]);
  if (next < args.size()) request.n_threads = threads_from(args[next++]);
  if (next < args.size()) throw usage_error(lathe::quoted(args[next]) + " is one argument too many");
  return request;
}

std::optional<Format> format_option(const std::string& name) {
  if (name.empty()) return std::nullopt;
  Format format;
  if (!format_from_name(name, &format)) throw usage_error("unknown tensor type " + lathe::quoted(name));
  return format;
}

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.2f}", static_cast<double>(bytes) / 1e6);
}

std::string shape_text(const TensorInfo& t) {
  std::string text = fmt::format("{}", t.dims[0]);
  for (std::uint32_t d = 1; d < t.n_dims; ++d) text += fmt::format(" x {}", t.dims[d]);
  return text;
}

void print_plan(const Plan& plan) {
  TextTable table({"tensor", "shape", "from", "to", "MB", "reason"});
  for (const PlannedTensor& t : plan.tensors) {
    table.add_row({t.source.name, shape_text(t.source), std::string(format_name(t.source.format)),
                   std::string(format_name(t.format)), megabytes(t.n_bytes), t.reason});
  }
  fmt::print("{}\n", table.aligned());
}

void print_totals(const Plan& plan) {
  struct Total {
    std::size_t n_tensors = 0;
    std::uint64_t elements = 0, bytes = 0;
  };
  std::map<Format, Total> totals;
  std::size_t n_fallback = 0;
  for (const PlannedTensor& t : plan.tensors) {
    Total& total = totals[t.format];
    ++total.n_tensors;
    total.elements += t.source.n_elements();
    total.bytes += t.n_bytes;
    n_fallback += t.fallback ? 1 : 0;
  }
  TextTable table({"type", "tensors", "weights", "MB", "share %"});
  for (const auto& [format, total] : totals) {
    table.add_row({std::string(format_name(format)), fmt::format("{}", total.n_tensors),
                   fmt::format("{}", total.elements), megabytes(total.bytes),
                   fmt::format("{:.1f}", 100.0 * static_cast<double>(total.bytes) /
                                             static_cast<double>(plan.bytes()))});
  }
  fmt::print("{}", table.aligned());
  const double before = static_cast<double>(plan.source_bytes()) * 8.0 /
                        static_cast<double>(std::max<std::uint64_t>(1, plan.n_elements()));
  fmt::print("{}: {} MB ({:.2f} bits per weight) to {} MB ({:.2f} bits per weight)\n", plan.recipe,
             megabytes(plan.source_bytes()), before, megabytes(plan.bytes()),
             plan.bits_per_weight());
  if (n_fallback > 0) {
    fmt::print("{} tensors have rows that do not fit their type and got the next one that does\n",
               n_fallback);
  }
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

int dry_run(const QuantizeJob& job) {
  print_plan(job.plan);
  print_totals(job.plan);
  const std::vector<std::string> problems = plan_problems(job);
  constexpr std::size_t kShown = 5;
  for (std::size_t i = 0; i < std::min(problems.size(), kShown); ++i) {
    fmt::print(stderr, "lathe: {}\n", problems[i]);
  }
  if (problems.size() > kShown) {
    fmt::print(stderr, "lathe: and {} more problems\n", problems.size() - kShown);
  }
  return problems.empty() ? 0 : 2;
}

int quantize_command(const QuantizeOptions& options, const ToolContext& context) {
  const Request request = request_of(options);
  const GgufFile source = GgufFile::open(request.in);
  std::optional<Imatrix> imatrix;
  if (!options.imatrix.empty()) imatrix = read_imatrix(options.imatrix);
  const Plan plan = make_plan(read_model_header(source),
                              {.recipe = request.recipe,
                               .imatrix = imatrix.has_value(),
                               .pure = options.pure,
                               .output_format = format_option(options.output_type),
                               .embedding_format = format_option(options.embedding_type)});
  const QuantizeJob job{source, plan, imatrix ? &*imatrix : nullptr, request.out,
                        options.allow_requantize};
  if (options.dry_run) return dry_run(job);

  const KernelTable kernels = kernels_of(context);
  ThreadPool pool({.n_threads = request.n_threads});
  const InterruptGuard interrupt;
  try {
    const QuantizeResult result = run_job(job, kernels, pool);
    for (const std::string& warning : result.warnings) fmt::print(stderr, "lathe: {}\n", warning);
    print_totals(plan);
    print_worst(result.errors);
    fmt::print("wrote {} ({} MB)\n", request.out, megabytes(result.file_bytes));
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
                   "IN OUT RECIPE [THREADS]; with --dry-run OUT may be left out")
      ->required()
      ->expected(2, 4)
      ->type_name("IN OUT RECIPE");
  command->add_option("--imatrix", options->imatrix, "Importance matrix to quantize by")
      ->type_name("FILE");
  command->add_option("-t,--threads", options->n_threads, "Threads (default: one per core)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command->add_flag("--dry-run", options->dry_run, "Print what would be done, write nothing");
  command->add_flag("--allow-requantize", options->allow_requantize,
                    "Accept a source that is quantized already");
  command->add_flag("--pure", options->pure, "Every tensor in the recipe's base type");
  command->add_option("--output-tensor-type", options->output_type, "Type of output.weight")
      ->type_name("TYPE");
  command
      ->add_option("--token-embedding-type", options->embedding_type, "Type of token_embd.weight")
      ->type_name("TYPE");
  command->footer("Recipes: " + recipe_names());
  command->callback(
      [options, &context] { context.exit_code = quantize_command(*options, context); });
}

}  // namespace lathe
