// lathe tokenize: the tokens of a text, to see what a model sees. Reads no tensors, so that files
// with nothing but a vocabulary do.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/gguf/gguf_file.h"
#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"
#include "tools/cli/command.h"
#include "tools/commands/commands.h"
#include "tools/jobs/text_input.h"

namespace lathe {
namespace {

struct TokenizeOptions {
  std::string model;
  std::string prompt;
  std::string file = "-";
  bool has_prompt = false;
  bool ids = false;
  bool no_bos = false;
  bool no_parse_special = false;
  bool show_count = false;
};

bool is_printable(const Utf8Char& c) {
  const bool is_control = c.code_point < 0x20 || (c.code_point >= 0x7F && c.code_point < 0xA0);
  return c.status == Utf8Status::kValid && !is_control;
}

// The text of a token on one line: control characters, and bytes that are a part of a character
// only, as escapes.
std::string escaped(std::string_view text) {
  std::string line;
  for (std::size_t pos = 0; pos < text.size();) {
    const Utf8Char c = decode_utf8(text, pos);
    const std::string_view unit = text.substr(pos, c.length);
    pos += c.length;
    if (unit == "\n") {
      line += "\\n";
    } else if (is_printable(c)) {
      line += unit;
    } else {
      for (const char byte : unit) {
        line += fmt::format("\\x{:02X}", static_cast<unsigned char>(byte));
      }
    }
  }
  return line;
}

void print_tokens(const Tokenizer& tokenizer, const std::vector<Token>& tokens) {
  for (const Token token : tokens) {
    fmt::print("{:6} -> '{}'\n", token, escaped(tokenizer.piece(token, true)));
  }
}

void tokenize(const TokenizeOptions& options) {
  const Tokenizer tokenizer =
      Tokenizer::from_metadata(GgufFile::open(options.model).metadata(), options.model);
  for (const std::string& warning : tokenizer.warnings()) {
    fmt::print(stderr, "lathe: {}: {}\n", options.model, warning);
  }
  const std::string text = options.has_prompt ? options.prompt : read_text_file(options.file);
  std::vector<Token> tokens =
      tokenizer.encode(text, {.add_special = true, .parse_special = !options.no_parse_special});
  const bool has_bos = tokenizer.add_bos() && tokenizer.bos() != kNoToken;
  if (options.no_bos && has_bos) tokens.erase(tokens.begin());

  if (options.ids) {
    fmt::print("[{}]\n", fmt::join(tokens, ", "));
  } else {
    print_tokens(tokenizer, tokens);
  }
  // Standard output holds nothing but the array where that was asked for.
  if (options.show_count) {
    fmt::print(options.ids ? stderr : stdout, "Total number of tokens: {}\n", tokens.size());
  }
}

}  // namespace

void add_tokenize(CLI::App& root, ToolContext&) {
  auto options = std::make_shared<TokenizeOptions>();
  CLI::App* command = root.add_subcommand("tokenize", "Show the tokens of a text");
  command->add_option("-m,--model", options->model, "GGUF file, a vocabulary suffices")
      ->required()
      ->type_name("FILE");
  CLI::Option* prompt =
      command->add_option("-p,--prompt", options->prompt, "The text")->type_name("TEXT");
  command
      ->add_option("-f,--file", options->file,
                   "File with the text; standard input (-) where neither is given")
      ->type_name("FILE")
      ->excludes(prompt);
  command->add_flag("--ids", options->ids, "Print the ids only, as one JSON array");
  command->add_flag("--no-bos", options->no_bos,
                    "Do not put the begin-of-sequence token first, even if the model wants it");
  command->add_flag("--no-parse-special", options->no_parse_special,
                    "Read the names of control tokens as plain text");
  command->add_flag("--show-count", options->show_count, "Print the number of tokens at the end");
  command->callback([options, prompt] {
    options->has_prompt = prompt->count() > 0;
    tokenize(*options);
  });
}

}  // namespace lathe
