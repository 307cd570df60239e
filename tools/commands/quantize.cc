// lathe quantize: a model to a smaller one, by recipe.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "quant/pipeline/quantize.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/progress.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/plan_options.h"
#include "tools/jobs/engine.h"
#include "tools/report/plan_report.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

struct QuantizeOptions {
  std::vector<std::string> positional;  // IN OUT [RECIPE] [THREADS]; OUT optional with --dry-run
  PlanOptions plan;
  std::string split_max_size, reuse;
  std::size_t split_max_tensors = 0;
  int n_threads = 0;
  bool keep_split = false;
  bool dry_run = false;
  bool resume = false;
  bool no_provenance = false;
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

// "300M" or "4G": units of 10^6 and 10^9 bytes.
std::uint64_t split_size(const std::string& text) {
  if (text.empty()) return 0;
  std::uint64_t n = 0;
  const char* last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, n);
  const std::string unit(end, last);
  const std::uint64_t scale = unit == "M" ? 1000000 : unit == "G" ? 1000000000 : 0;
  if (error != std::errc{} || n == 0 || n > 1000000 || scale == 0) {
    throw usage_error("--split-max-size: expected a size as 300M or 4G, found " +
                      lathe::quoted(text));
  }
  return n * scale;
}

SplitRequest split_request(const QuantizeOptions& options) {
  const SplitRequest split{.like_source = options.keep_split,
                           .max_bytes = split_size(options.split_max_size),
                           .max_tensors = options.split_max_tensors};
  if (split.like_source && (split.max_bytes > 0 || split.max_tensors > 0)) {
    throw usage_error("--keep-split and --split-max-... say two different things");
  }
  return split;
}

void print_worst(const std::vector<TensorError>& errors) {
  constexpr std::size_t kShown = 5;
  std::vector<TensorError> worst = errors;
  std::sort(worst.begin(), worst.end(),
            [](const auto& a, const auto& b) { return a.relative_rms > b.relative_rms; });
  worst.resize(std::min(worst.size(), kShown));
  if (worst.empty()) return;
  TextTable table({"largest errors", "type", "error %", "weighted %", "reason"});
  for (const TensorError& e : worst) {
    table.add_row({e.name, std::string(format_name(e.format)),
                   fmt::format("{:.2f}", 100.0 * e.relative_rms),
                   e.weighted ? fmt::format("{:.2f}", 100.0 * *e.weighted) : "-", e.reason});
  }
  fmt::print("\n{}", table.aligned());
}

// What quantizing a quantized source once more costs.
void print_requantized(const std::vector<TensorError>& errors) {
  double sum = 0.0;
  std::size_t n = 0;
  for (const TensorError& e : errors) {
    if (!e.source_quantized) continue;
    sum += e.relative_rms;
    ++n;
  }
  if (n == 0) return;
  fmt::print(stderr,
             "lathe: {} tensors were quantized already; this adds an error of {:.2f} % on average "
             "to what they had\n",
             n, 100.0 * sum / static_cast<double>(n));
}

void print_written(const QuantizeResult& result, const Plan& plan, double seconds) {
  fmt::print("\n{} encoded, {} copied", result.n_encoded, result.n_copied);
  if (result.n_reused > 0) fmt::print(", {} reused", result.n_reused);
  if (result.n_resumed > 0) fmt::print(", {} from the interrupted run", result.n_resumed);
  fmt::print(" in {} ({:.1f} million weights per second); reopened and verified\n",
             clock_text(seconds), static_cast<double>(plan.n_elements()) / 1e6 / seconds);
  fmt::print("wrote {} ({} MB)\n",
             result.paths.size() == 1
                 ? result.paths.front()
                 : fmt::format("{} and {} more", result.paths.front(), result.paths.size() - 1),
             megabytes(result.file_bytes));
}

QuantizeResult run_job(QuantizeJob job, const KernelTable& kernels, ThreadPool& pool) {
  Progress progress("quantize");
  const auto start = std::chrono::steady_clock::now();
  const std::size_t n = job.plan.tensors.size();
  std::uint64_t resumed = 0;
  bool first = true;
  job.progress = [&](const QuantizeProgress& p) {
    if (std::exchange(first, false)) resumed = p.elements_done;
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    const double rate = static_cast<double>(p.elements_done - resumed) / 1e6 / elapsed.count();
    progress.update(static_cast<double>(p.elements_done) /
                        static_cast<double>(std::max<std::uint64_t>(1, p.elements_total)),
                    fmt::format("{}/{} {} to {}, {:.0f} M/s", p.n_tensors_done + 1, n,
                                p.tensor->name, format_name(p.tensor->format), rate));
    return !InterruptGuard::requested();
  };
  return quantize(job, kernels, pool);
}

int interrupted(const std::string& out_path, std::size_t n_tensors) {
  const std::size_t n = resumable_tensors(out_path);
  if (n == 0) {
    fmt::print(stderr, "lathe: interrupted, nothing was written\n");
  } else {
    fmt::print(stderr,
               "lathe: interrupted; {}.part holds {} of {} tensors: the same command with --resume "
               "goes on\n",
               out_path, n, n_tensors);
  }
  return kInterruptedExitCode;
}

// A dry run reads no weights.
PlanOptions with_identity(const QuantizeOptions& options) {
  PlanOptions plan = options.plan;
  if (options.dry_run) return plan;
  plan.identify = [](const GgufFile& file) {
    Progress progress("quantize");
    return model_identity(file, {.progress = [&](double fraction) {
                            progress.update(fraction, "hashing the model");
                            return true;
                          }});
  };
  return plan;
}

int quantize_command(const QuantizeOptions& options, const ToolContext& context) {
  const Arguments arguments = arguments_of(options);
  const PlannedModel model = plan_model(arguments.in, arguments.recipe, with_identity(options));
  for (const std::string& note : model.imatrix_notes) warn(note);
  std::optional<GgufFile> older;
  if (!options.reuse.empty()) older = GgufFile::open(options.reuse);
  QuantizeJob job = model.job(arguments.out, options.plan.allow_requantize);
  job.split = split_request(options);
  job.resume = options.resume;
  job.reuse = older ? &*older : nullptr;
  job.provenance = !options.no_provenance;
  if (options.dry_run) return print_plan(model, job) ? 0 : 2;
  print_rules(model.plan, job.imatrix);
  if (const std::size_t n = resumable_tensors(job.out_path); n > 0 && !job.resume) {
    fmt::print(stderr, "lathe: {} tensors of an interrupted run are given up (no --resume)\n", n);
  }

  const KernelTable kernels = kernels_of(context.isa);
  ThreadPool pool({.n_threads = arguments.n_threads});
  const InterruptGuard interrupt;
  const auto start = std::chrono::steady_clock::now();
  try {
    const QuantizeResult result = run_job(job, kernels, pool);
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    for (const std::string& warning : result.warnings) fmt::print(stderr, "lathe: {}\n", warning);
    print_requantized(result.errors);
    print_totals(model.plan);
    print_worst(result.errors);
    print_written(result, model.plan, elapsed.count());
  } catch (const Error&) {
    if (!InterruptGuard::requested()) throw;
    return interrupted(arguments.out, model.plan.tensors.size());
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
      ->check(one_or_more)
      ->type_name("N");
  command->add_flag("--dry-run", options->dry_run,
                    "Print what would be done, write nothing (see also `lathe plan`)");
  command->add_flag("--resume", options->resume,
                    "Go on with what an interrupted run of the same command left");
  command
      ->add_option("--reuse", options->reuse,
                   "Copy tensors that would come out the same from an older output of lathe")
      ->type_name("FILE");
  command->add_flag("--keep-split", options->keep_split, "Files as the source is split into");
  command
      ->add_option("--split-max-size", options->split_max_size,
                   "Several files of at most this size, as 300M or 4G")
      ->type_name("SIZE");
  command
      ->add_option("--split-max-tensors", options->split_max_tensors,
                   "Several files of at most this many tensors")
      ->check(one_or_more)
      ->type_name("N");
  command->add_flag("--no-provenance", options->no_provenance,
                    "Leave out the keys that say how the file was made");
  add_plan_options(*command, options->plan);
  command->callback(
      [options, &context] { context.exit_code = quantize_command(*options, context); });
}

}  // namespace lathe
