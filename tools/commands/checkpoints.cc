// lathe checkpoints: what interrupted evaluations have left, and cleaning it up.
#include <CLI/CLI.hpp>
#include <memory>
#include <optional>

#include "quant/eval/checkpoint_folder.h"
#include "runtime/base/error.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/report/checkpoints_report.h"

namespace lathe {
namespace {

struct CheckpointsCommand {
  std::string folder;
  std::optional<std::size_t> older_than_days;
  bool json = false;
};

void run(const CheckpointsCommand& command) {
  const std::string folder = command.folder.empty() ? checkpoint_folder() : command.folder;
  CheckpointList list{folder, list_checkpoints(folder), {}};
  if (command.older_than_days) {
    list.removed = remove_checkpoints_older_than(*command.older_than_days, list.kept);
  }
  put_text(command.json ? checkpoints_json(list) : checkpoints_text(list));
}

}  // namespace

void add_checkpoints(CLI::App& root, ToolContext&) {
  auto command = std::make_shared<CheckpointsCommand>();
  CLI::App* app = root.add_subcommand(
      "checkpoints", "What interrupted evaluations have left for --resume, and cleaning it up");
  app->add_option("--folder", command->folder, "Look here instead (for files of --checkpoint)")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
  app->add_option("--remove-older", command->older_than_days,
                  "Remove those that were written more than N days ago (0: all)")
      ->check(zero_or_more)
      ->type_name("N");
  app->add_flag("--json", command->json, "Print JSON");
  app->callback([command] { run(*command); });
}

}  // namespace lathe
