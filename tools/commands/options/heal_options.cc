#include "tools/commands/options/heal_options.h"

#include <CLI/CLI.hpp>

#include "tools/cli/number_checks.h"

namespace lathe {

void add_heal_options(CLI::App& command, HealRequest& request) {
  command
      .add_option("--heal", request.texts,
                  "With --prune-layers: refit the layers that remain on this text, so that they do "
                  "what the original did; may be repeated")
      ->type_name("TEXT")
      ->allow_extra_args(false);
  command
      .add_option("--heal-chunks", request.max_chunks,
                  "Chunks of the text to heal on, spread evenly over it")
      ->check(one_or_more)
      ->capture_default_str()
      ->type_name("N");
  command.add_option("--heal-context", request.n_ctx, "Tokens of such a chunk")
      ->check(whole_number(16, kLargestInt))
      ->capture_default_str()
      ->type_name("N");
}

}  // namespace lathe
