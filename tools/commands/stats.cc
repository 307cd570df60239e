// lathe stats: what an importance matrix, the weights and the residual stream say of each layer.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/base/error.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/engine_options.h"
#include "tools/commands/options/text_options.h"
#include "tools/jobs/stats.h"
#include "tools/report/document.h"
#include "tools/report/stats_report.h"

namespace lathe {
namespace {

struct StatsOptions {
  StatsRequest request;
  std::string sort;
  bool blocks = false;
  bool json = false, csv = false;  // neither: tables for people
};

void check(const StatsOptions& options) {
  const StatsRequest& request = options.request;
  const bool has_model = !request.engine.model.empty(), has_text = !request.text.files.empty();
  if (options.json && options.csv) throw usage_error("--json or --csv, not both");
  if (options.blocks) {
    if (!has_model || !has_text) {
      throw usage_error("--blocks runs a model over a text: expected -m MODEL -f TEXT");
    }
    if (!request.imatrix.empty()) throw usage_error("--blocks takes no importance matrix");
    if (!options.sort.empty()) {
      throw usage_error("--sort is for tensors; --blocks has its layers in order");
    }
    return;
  }
  if (has_text) {
    throw usage_error(
        "-f TEXT: only --blocks runs a text (stats --blocks -m MODEL -f TEXT); an importance "
        "matrix "
        "over it is collected by lathe imatrix -m MODEL -f TEXT");
  }
  if (request.imatrix.empty() && !has_model) {
    throw usage_error("expected an importance matrix, -m MODEL, or --blocks -m MODEL -f TEXT");
  }
  if (options.sort.empty()) return;
  if (request.imatrix.empty())
    throw usage_error("--sort is for the tensors of an importance matrix");
  check_sort_column(options.sort);
}

std::string measured(const StatsOptions& options, const ToolContext& context) {
  Progress progress("stats");
  const auto go_on = [&](double fraction, std::string_view step) {
    progress.update(fraction, step);
    return !InterruptGuard::requested();
  };
  if (options.blocks) {
    const BlockStats stats = measure_blocks(options.request, context.isa, notes_on_screen(), go_on);
    return options.csv    ? blocks_csv(stats)
           : options.json ? json_text(blocks_json(stats))
                          : blocks_text(stats);
  }
  TableStats stats = measure_tables(options.request, context.isa, notes_on_screen(), go_on);
  sort_stats(stats.activations, options.sort);
  return options.csv    ? stats_csv(stats)
         : options.json ? json_text(stats_json(stats))
                        : stats_text(stats);
}

int stats_command(const StatsOptions& options, const ToolContext& context) {
  check(options);
  return run_interruptible([&] { put_text(measured(options, context)); });
}

}  // namespace

void add_stats(CLI::App& root, ToolContext& context) {
  auto options = std::make_shared<StatsOptions>();
  StatsRequest& request = options->request;
  CLI::App* command = root.add_subcommand(
      "stats", "Statistics of an importance matrix, of weights, of what each layer does");
  command->add_option("imatrix,--in-file", request.imatrix, "Importance matrix (GGUF or .dat)")
      ->type_name("FILE");
  add_engine_options(*command, request.engine);
  command->get_option("--model")->required(false);
  add_text_options(*command, request.text);
  add_order_options(*command, request.order);
  command->get_option("--file")->required(false);
  command->add_flag("--blocks", options->blocks,
                    "Run a text: block influence, LIM and angular distance of the layers");
  command->add_option("--sort", options->sort, "Sort tensors by a column: " + sort_columns())
      ->type_name("COLUMN");
  command
      ->add_option("--active-threshold", request.active_threshold,
                   "A channel at most this is inactive (older cards used 1e-6)")
      ->check(real_number(0.0))
      ->capture_default_str()
      ->type_name("X");
  command->add_flag("--json", options->json, "Print one JSON object (docs/json.md)");
  command->add_flag("--csv", options->csv, "Print comma-separated values");
  command->footer(
      "lathe stats imatrix.gguf               activations, by tensor and by layer\n"
      "lathe stats imatrix.gguf -m f16.gguf   and ZD of the weights\n"
      "lathe stats --blocks -m f16.gguf -f calibration.txt --chunks 50");
  command->callback([options, &context] { context.exit_code = stats_command(*options, context); });
}

}  // namespace lathe
