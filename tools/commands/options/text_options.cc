#include "tools/commands/options/text_options.h"

#include <CLI/CLI.hpp>

#include "tools/cli/number_checks.h"

namespace lathe {

void add_text_options(CLI::App& command, TextOptions& options) {
  command
      .add_option("-f,--file", options.files,
                  "The text: plain, .zst or .jsonl ('-': standard input); several: one text")
      ->required()
      ->type_name("FILE");
  command.add_option("--chunks", options.max_chunks, "Use the first N chunks (default: all)")
      ->check(one_or_more)
      ->type_name("N");
}

void add_order_options(CLI::App& command, OrderOptions& options) {
  command
      .add_option("--layer-major", options.layer_major,
                  "All texts through layer 0, then layer 1, ...: on, off, or auto: when the model "
                  "does not fit in memory. The results are the same")
      ->check(CLI::IsMember({"auto", "on", "off"}))
      ->capture_default_str();
  command
      .add_option("--spill", options.spill_folder,
                  "With layer-major: keep hidden states in a file in this folder, not in memory")
      ->check(CLI::ExistingDirectory)
      ->type_name("DIR");
}

}  // namespace lathe
