// A model that is opened for a conversation: its chat template, and what to say where there is
// none.
#pragma once

#include <string>

#include "runtime/base/notes.h"
#include "runtime/text/chat_template.h"
#include "tools/jobs/engine.h"

namespace lathe {

struct ChatTemplateOptions {
  std::string text;  // --chat-template: a built-in name, or Jinja; empty: the model's own
  std::string file;  // --chat-template-file
  std::string system;

  bool given() const noexcept { return !text.empty() || !file.empty() || !system.empty(); }
};

// Error (kUsage) for a model whose file has no template where none is given, naming what to do;
// (kBadInput) for a template that is none.
ChatTemplate open_chat_template(const ChatTemplateOptions& options, const TensorSource& file,
                                const Tokenizer& tokenizer);

// One question, with the system prompt where one is given, as tokens.
std::vector<Token> question_tokens(const ChatTemplate& chat, const std::string& system,
                                   const std::string& question);

}  // namespace lathe
