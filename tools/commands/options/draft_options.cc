#include "tools/commands/options/draft_options.h"

#include <CLI/CLI.hpp>

#include "tools/cli/number_checks.h"

namespace lathe {
namespace {

constexpr const char* kGroup = "Speculation (the same text, sooner)";

}  // namespace

void add_draft_options(CLI::App& command, DraftOptions& o) {
  CLI::Option* model =
      command
          .add_option("--draft,--md,--model-draft", o.model,
                      "A smaller model with the same vocabulary, which guesses the next tokens")
          ->type_name("FILE")
          ->group(kGroup);
  command
      .add_flag("--lookup", o.lookup,
                "Guess that the text goes on as it did before, in the prompt or the reply")
      ->excludes(model)
      ->group(kGroup);
  command
      .add_option("--draft-max,--draft-n", o.lengths.most,
                  "Most tokens that are guessed at once; fewer where more would not pay")
      ->check(whole_number(1, kMostDrafted))
      ->capture_default_str()
      ->type_name("N")
      ->group(kGroup);
  command
      .add_option("--draft-min,--draft-n-min", o.lengths.least,
                  "Where fewer are guessed, none is checked")
      ->check(whole_number(0, kMostDrafted))
      ->capture_default_str()
      ->type_name("N")
      ->group(kGroup);
  command
      .add_option("--draft-p-min", o.least_probability,
                  "The draft model stops guessing below this probability; 0: where it does not pay")
      ->check(real_number(0, 1))
      ->capture_default_str()
      ->type_name("X")
      ->group(kGroup);
}

}  // namespace lathe
