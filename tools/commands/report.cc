// lathe report: card and report of a release again, from its results.json.
#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>

#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/commands/options/release_output.h"
#include "tools/report/release/results_json.h"

namespace lathe {
namespace {

struct ReportCommand {
  std::string results, folder;
};

void report_command(const ReportCommand& command) {
  OutputGate gate;
  gate.reads(command.results, "the results");
  const ReleaseResults results = read_release_results(command.results);
  std::string folder = command.folder;
  if (folder.empty()) folder = std::filesystem::path(command.results).parent_path().string();
  if (folder.empty()) folder = ".";
  write_documents(render_release(results), folder, gate);
  print("{}: README.md, report.html\n", folder);
}

}  // namespace

void add_report(CLI::App& root, ToolContext& context) {
  auto command = std::make_shared<ReportCommand>();
  CLI::App* app = root.add_subcommand(
      "report", "Make the model card and report of a release again, from its results.json");
  app->add_option("results", command->results, "results.json of lathe release")
      ->required()
      ->type_name("FILE");
  app->add_option("-o,--output", command->folder,
                  "Folder for README.md and report.html (default: that of the results)")
      ->type_name("DIR");
  app->callback([command, &context] {
    report_command(*command);
    context.exit_code = 0;
  });
}

}  // namespace lathe
