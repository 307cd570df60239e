// lathe tokenize: the tokens of a text, to see what a model sees.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "tools/cli/messages.h"
#include "tools/cli/standard_output.h"
#include "tools/commands/commands.h"
#include "tools/jobs/text_input.h"
#include "tools/jobs/tokenization.h"
#include "tools/report/token_report.h"

namespace lathe {
namespace {

struct TokenizeCommand {
  TokenizeRequest request;
  std::string file = "-";
  bool ids = false;
  bool no_parse_special = false;
  bool show_count = false;
};

void run(const TokenizeCommand& command) {
  const Tokenization tokens = tokenize(command.request, notes_on_screen());
  put_text(command.ids ? token_ids_text(tokens) : tokens_text(tokens));
  if (!command.show_count) return;
  // Standard output holds nothing but the array where that was asked for.
  const std::string count = fmt::format("Total number of tokens: {}", tokens.tokens.size());
  if (command.ids) {
    say(count);
  } else {
    put_text(count + "\n");
  }
}

}  // namespace

void add_tokenize(CLI::App& root, ToolContext&) {
  auto options = std::make_shared<TokenizeCommand>();
  CLI::App* command = root.add_subcommand("tokenize", "Show the tokens of a text");
  command
      ->add_option("-m,--model", options->request.model,
                   "GGUF file (a vocabulary suffices) or checkpoint folder")
      ->required()
      ->type_name("FILE");
  CLI::Option* prompt =
      command->add_option("-p,--prompt", options->request.text, "The text")->type_name("TEXT");
  command
      ->add_option("-f,--file", options->file,
                   "File with the text; standard input (-) where neither is given")
      ->type_name("FILE")
      ->excludes(prompt);
  command->add_flag("--ids", options->ids, "Print the ids only, as one JSON array");
  command->add_flag("--no-bos", options->request.no_bos,
                    "Do not put the begin-of-sequence token first, even if the model wants it");
  command->add_flag("--no-parse-special", options->no_parse_special,
                    "Read the names of control tokens as plain text");
  command->add_flag("--show-count", options->show_count, "Print the number of tokens at the end");
  command->callback([options, prompt] {
    TokenizeRequest& request = options->request;
    request.parse_special = !options->no_parse_special;
    request.text_name = "the prompt";
    if (prompt->count() == 0) {
      request.text = read_text_file(options->file);
      request.text_name = options->file == "-" ? "standard input" : options->file;
    }
    run(*options);
  });
}

}  // namespace lathe
