// lathe stats: what an importance matrix, the weights and the residual stream say of each layer.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "quant/stats/activation_stats.h"
#include "quant/stats/block_influence.h"
#include "quant/stats/weight_stats.h"
#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/progress.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/text_options.h"
#include "tools/jobs/engine.h"
#include "tools/report/stats_report.h"

namespace lathe {
namespace {

struct StatsOptions {
  std::string imatrix;
  std::string sort;
  double active_threshold = kActiveThreshold;
  EngineOptions engine;
  TextOptions text;
  OrderOptions order;
  bool blocks = false;
  StatsOutput output;
};

void check(const StatsOptions& options) {
  const bool has_model = !options.engine.model.empty();
  if (options.blocks) {
    if (!has_model || options.text.files.empty()) {
      throw usage_error("--blocks runs a model over a text: expected -m MODEL -f TEXT");
    }
    if (!options.imatrix.empty()) throw usage_error("--blocks takes no importance matrix");
  } else if (options.imatrix.empty() && !has_model) {
    throw usage_error("expected an importance matrix, -m MODEL, or --blocks -m MODEL -f TEXT");
  }
  if (options.output.json && options.output.csv) throw usage_error("--json or --csv, not both");
}

void blocks(const StatsOptions& options, const ToolContext& context) {
  OpenModel open(options.engine, context.isa);
  const TextChunks text = open_text(open.file, options.text, options.engine);
  const auto runner = open_runner({{*open.model, open.file.files()}}, options.engine, options.order,
                                  open.kernels, open.pool, text.n_ctx(), notes_on_screen());
  Progress progress("stats");
  const auto result = measure_block_influence({*runner, open.kernels, open.pool}, text,
                                              [&](double fraction, std::string_view step) {
                                                progress.update(fraction, step);
                                                return !InterruptGuard::requested();
                                              });
  progress.clear();
  print_blocks(result, options.output);
}

std::vector<WeightStats> weights_of(const std::string& path, int n_threads,
                                    const ToolContext& context) {
  const GgufFile model = GgufFile::open(path);
  const KernelTable kernels = kernels_of(context.isa);
  ThreadPool pool({.n_threads = n_threads});
  Progress progress("stats");
  return weight_stats(model, kernels, pool, [&](double fraction) {
    progress.update(fraction, "weights");
    return !InterruptGuard::requested();
  });
}

void tables(const StatsOptions& options, const ToolContext& context) {
  std::optional<Imatrix> imatrix;
  if (!options.imatrix.empty()) imatrix = read_imatrix(options.imatrix);
  std::vector<WeightStats> weights;
  if (!options.engine.model.empty()) {
    weights = weights_of(options.engine.model, options.engine.n_threads, context);
  }
  std::vector<ActivationStats> activations;
  if (imatrix) activations = activation_stats(*imatrix, options.active_threshold);
  if (!options.sort.empty()) sort_stats(activations, options.sort);
  print_stats(activations, weights, options.output);
}

int stats_command(const StatsOptions& options, const ToolContext& context) {
  check(options);
  const InterruptGuard interrupt;
  try {
    options.blocks ? blocks(options, context) : tables(options, context);
  } catch (const Error&) {
    if (!InterruptGuard::requested()) throw;
    fmt::print(stderr, "\nlathe: interrupted\n");
    return InterruptGuard::exit_code();
  }
  return 0;
}

}  // namespace

void add_stats(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<StatsOptions>();
  CLI::App* command = root.add_subcommand(
      "stats", "Statistics of an importance matrix, of weights, of what each layer does");
  command->add_option("imatrix,--in-file", options->imatrix, "Importance matrix (GGUF or .dat)")
      ->type_name("FILE");
  add_engine_options(*command, options->engine);
  command->get_option("--model")->required(false);
  add_text_options(*command, options->text);
  add_order_options(*command, options->order);
  command->get_option("--file")->required(false);
  command->add_flag("--blocks", options->blocks,
                    "Run a text: block influence, LIM and angular distance of the layers");
  command->add_option("--sort", options->sort, "Sort tensors by a column: " + sort_columns())
      ->type_name("COLUMN");
  command
      ->add_option("--active-threshold", options->active_threshold,
                   "A channel at most this is inactive (older cards used 1e-6)")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str()
      ->type_name("X");
  command->add_flag("--json", options->output.json, "Print one JSON object");
  command->add_flag("--csv", options->output.csv, "Print comma-separated values");
  command->footer(
      "lathe stats imatrix.gguf               activations, by tensor and by layer\n"
      "lathe stats imatrix.gguf -m f16.gguf   and ZD of the weights\n"
      "lathe stats --blocks -m f16.gguf -f calibration.txt --chunks 50");
  command->callback([options, &context] { context.exit_code = stats_command(*options, context); });
}

}  // namespace lathe
