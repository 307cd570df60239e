// lathe verify: a GGUF file against the checkpoint that it was made from.
#include <CLI/CLI.hpp>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "tools/cli/interrupt.h"
#include "tools/cli/messages.h"
#include "tools/cli/number_checks.h"
#include "tools/cli/progress.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/jobs/verify/verify.h"
#include "tools/report/document.h"
#include "tools/report/verify_report.h"

namespace lathe {
namespace {

struct VerifyCommand {
  VerifyRequest request;
  bool json = false;
  bool full = false;
};

int verify(VerifyCommand& options, const ToolContext& context) {
  options.request.isa = context.isa;
  int exit_code = 0;
  const auto work = [&] {
    Progress line("verify");
    const ModelComparison comparison = verify_model(options.request, notes_on_screen(),
                                                    [&](double fraction, std::string_view tensor) {
                                                      line.update(fraction, tensor);
                                                      return !InterruptGuard::requested();
                                                    });
    line.clear();
    put_text(options.json ? json_text(verify_json(comparison))
                          : verify_text(comparison, options.full));
    flush_output();
    exit_code = comparison.matters() ? 1 : 0;
  };
  const int ended = run_interruptible(work, [] {});
  return ended != 0 ? ended : exit_code;
}

}  // namespace

void add_verify(CLI::App& root, ToolContext& context) {
  const auto options = std::make_shared<VerifyCommand>();
  VerifyRequest& request = options->request;
  CLI::App* command =
      root.add_subcommand("verify", "Compare a GGUF file with the checkpoint it was made from");
  command->add_option("model,-m,--model", request.model, "GGUF file of any origin")
      ->required()
      ->type_name("FILE");
  command
      ->add_option("folder", request.folder,
                   "Folder of the checkpoint. Exit code 1 where something differs that matters")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--pre", request.import.pre,
                   "Pre-tokenizer, where its pattern is not known to lathe")
      ->type_name("NAME");
  command->add_option("-t,--threads", request.n_threads, "Threads; 0: one per physical core")
      ->check(whole_number(0, kMostThreads))
      ->capture_default_str()
      ->type_name("N");
  command->add_flag("--full", options->full, "Every difference, also in a long list");
  command->add_flag("--json", options->json, "Print JSON");
  command->callback([options, &context] { context.exit_code = verify(*options, context); });
}

}  // namespace lathe
