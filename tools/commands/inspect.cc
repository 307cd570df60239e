// lathe inspect: what a model holds. Metadata, tensors, and where its bytes go.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/jobs/inspection.h"
#include "tools/report/document.h"
#include "tools/report/inspect_report.h"

namespace lathe {
namespace {

struct InspectOptions {
  std::string model;
  bool json = false;
  bool tensors = false;
  bool full = false;
};

void inspect(const InspectOptions& options) {
  const Inspection inspection = inspect_file(options.model);
  put_text(options.json ? json_text(inspect_json(inspection, options.full))
                        : inspect_text(inspection, options.tensors, options.full));
}

}  // namespace

void add_inspect(CLI::App& root, ToolContext&) {
  CLI::App* command = root.add_subcommand("inspect", "Show what a GGUF file or a checkpoint holds");
  const auto options = std::make_shared<InspectOptions>();
  command
      ->add_option("model,-m,--model", options->model,
                   "GGUF file (the first, if it is split), or a checkpoint's folder")
      ->required()
      ->type_name("FILE");
  command->add_flag("--tensors", options->tensors, "List the tensors: name, shape, format, bytes");
  command->add_flag("--full,--all", options->full,
                    "Whole tables, and whole arrays and texts of the metadata");
  command->add_flag("--json", options->json, "Everything as JSON");
  command->callback([options] { inspect(*options); });
}

}  // namespace lathe
