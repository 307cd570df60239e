#include "tools/commands/options/chat_options.h"

#include <CLI/CLI.hpp>

namespace lathe {

void add_chat_template_options(CLI::App& command, ChatTemplateOptions& options) {
  constexpr const char* kGroup = "Chat";
  CLI::Option* text =
      command
          .add_option("--chat-template", options.text,
                      "Chat template instead of the model's own: Jinja, or one of " +
                          built_in_chat_template_names())
          ->type_name("TEMPLATE")
          ->group(kGroup);
  command.add_option("--chat-template-file", options.file, "The same from a file")
      ->type_name("FILE")
      ->excludes(text)
      ->group(kGroup);
  command.add_option("--sys,--system,--system-prompt", options.system, "System prompt")
      ->type_name("TEXT")
      ->group(kGroup);
}

}  // namespace lathe
