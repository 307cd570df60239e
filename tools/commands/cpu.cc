// lathe cpu: what this machine is, which kernels serve which format on it, and how fast it can be.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>

#include "tools/cli/number_checks.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/jobs/machine.h"
#include "tools/report/document.h"
#include "tools/report/machine_report.h"

namespace lathe {
namespace {

struct CpuOptions {
  int n_threads = 0;
  bool json = false;
};

void show_cpu(const CpuOptions& options, const ToolContext& context) {
  const Machine machine = read_machine(context.isa, options.n_threads);
  if (options.json) {
    put_text(json_text(machine_json(machine, measure_limits(machine))));
    return;
  }
  put_text(machine_text(machine));
  flush_output();  // the measurements take a moment
  put_text(limits_text(measure_limits(machine)));
}

}  // namespace

void add_cpu(CLI::App& root, ToolContext& context) {
  const auto options = std::make_shared<CpuOptions>();
  CLI::App* command = root.add_subcommand(
      "cpu", "Show the machine, which kernels serve which format, and its measured limits");
  command->add_option("-t,--threads", options->n_threads, "Threads; 0: one per physical core")
      ->check(whole_number(0, kMostThreads))
      ->capture_default_str()
      ->type_name("N");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &context] { show_cpu(*options, context); });
}

}  // namespace lathe
