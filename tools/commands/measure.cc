// lathe measure: what each type of each tensor costs, for plans of any size.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>

#include "quant/costs/cost_file.h"
#include "runtime/base/error.h"
#include "tools/cli/command.h"
#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/run_inputs.h"
#include "tools/commands/options/text_options.h"
#include "tools/jobs/measure_job.h"
#include "tools/report/measure_report.h"

namespace lathe {
namespace {

constexpr std::size_t kMostTokens = std::size_t{1} << 24;

struct MeasureCommand {
  MeasureRequest request;
  std::string out = "costs.json";
  std::string types;
  bool no_importance = false;
  bool json = false;
};

OutputTarget admitted(const MeasureCommand& command) {
  OutputGate gate;
  reads_model(gate, command.request.engine.model);
  if (!command.request.gradients.empty()) {
    reads_model(gate, command.request.gradients, "the model for the gradients");
  }
  reads_files(gate, command.request.texts, "a calibration text");
  return gate.admit(command.out, {.what = "costs"});
}

int run(MeasureCommand& command) {
  if (!command.types.empty()) command.request.formats = parse_formats(command.types, "--types");
  if (command.no_importance && command.request.calibrated) {
    throw usage_error("--calibrated and --no-importance exclude each other");
  }
  command.request.importance = !command.no_importance;
  const OutputTarget target = admitted(command);
  bool written = false;
  const auto work = [&] {
    Progress progress("measure");
    const CostFile costs = run_measure(command.request, notes_on_screen(),
                                       [&](double fraction, std::string_view step) {
                                         progress.update(fraction, step);
                                         return !InterruptGuard::requested();
                                       });
    write_costs(costs, target);
    written = true;
    progress.clear();
    if (command.json) return put_text(measure_document(costs, target.name()));
    put_text(measure_text(costs));
    print("wrote {}\n", target.name());
  };
  return run_interruptible(
      work, [&] { say(written ? "the costs are there: " + command.out : "nothing was written"); });
}

void add_options(CLI::App& app, MeasureCommand& command) {
  MeasureRequest& request = command.request;
  app.add_option("model", request.engine.model,
                 "The model that is to be planned: a GGUF file or a checkpoint folder")
      ->required()
      ->type_name("MODEL");
  app.add_option("--calibrate", request.texts,
                 "Texts: plain, .zst or .jsonl, weighted evenly; a mix serves best")
      ->required()
      ->type_name("TEXT");
  app.add_option("-o,--output", command.out, "Where to write the costs")
      ->capture_default_str()
      ->type_name("FILE");
  app.add_option("--tokens", request.n_tokens, "Tokens of all texts; 2048 to 8192 serve")
      ->check(whole_number(1, kMostTokens))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--gradients", request.gradients,
                 "Take the gradients of this model: a small quantized file of the same one")
      ->type_name("FILE");
  app.add_option("--types", command.types, "Types to measure, as q4_k,q5_k (default: all usual)")
      ->type_name("LIST");
  app.add_option("--rows", request.n_rows, "Rows of each tensor that are encoded; 0: all")
      ->check(zero_or_more)
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("--calibrated", command.request.calibrated,
               "Costs of quantizing with --calibrate, whose errors weigh less");
  app.add_flag("--no-importance", command.no_importance,
               "Encode as quantizing without an importance matrix does");
  app.add_option("--seed", request.seed, "Of the random probe")
      ->check(zero_or_more)
      ->capture_default_str()
      ->type_name("N");
  app.add_flag("--layers", request.layers,
               "Measure what leaving out each layer costs, too: two forward passes a layer");
  app.add_option("-t,--threads", request.engine.n_threads, "Threads; 0: one per physical core")
      ->check(whole_number(0, kMostThreads))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("-c,--ctx-size", request.engine.n_ctx, "Tokens of a chunk (default: 512)")
      ->check(one_or_more)
      ->type_name("N");
  app.add_option("--spill", request.order.spill_folder,
                 "Keep hidden states in files in this folder, not in memory")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  app.add_flag("--json", command.json, "Print the costs as JSON");
}

}  // namespace

void add_measure(CLI::App& root, ToolContext& context) {
  auto command = std::make_shared<MeasureCommand>();
  CLI::App* app = root.add_subcommand(
      "measure", "Measure what each type of each tensor costs, for lathe plan --costs");
  add_options(*app, *command);
  app->footer(
      "lathe measure f16.gguf --calibrate books.txt code.txt -o costs.json\n"
      "lathe plan f16.gguf --costs costs.json --size 4.5GB -o plan.json\n"
      "lathe quantize --imatrix im.gguf --plan plan.json f16.gguf out.gguf");
  app->callback([command, &context] {
    command->request.isa = context.isa;
    context.exit_code = run(*command);
  });
}

}  // namespace lathe
