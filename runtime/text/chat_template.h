// A conversation as the tokens that a model was trained on: through the chat template of its file,
// a template of the user's, or one of the built-in ones.
//
// Control tokens come from the template alone. What people (and tools, and the model itself) say is
// guarded before the template sees it (runtime/text/control_text.h): a message that holds
// "<|eot_id|>" or "[/INST]" is read as those letters.
#pragma once

#include <ctime>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/control_text.h"
#include "runtime/text/jinja/jinja.h"
#include "runtime/text/tokenizer.h"

namespace lathe {

class Metadata;

class ChatTemplate {
 public:
  // `source`: a Jinja template, or the name of a built-in one; `where` names it in messages.
  // Error (kBadInput) for a template that is none. Keeps a reference to the tokenizer.
  ChatTemplate(std::string_view source, const std::string& where, const Tokenizer& tokenizer);

  // The text that the model reads, so that it writes the next message; control tokens by name.
  // `messages`: [{"role", "content"}, ...] as Hugging Face has them; `tools`: null, or a list.
  // Error (kBadInput) also where the template refuses the conversation.
  std::string text(const nlohmann::ordered_json& messages, const nlohmann::ordered_json& tools,
                   std::time_t now) const;
  // The same as tokens, with the model's first token, once.
  std::vector<Token> tokens(const nlohmann::ordered_json& messages,
                            const nlohmann::ordered_json& tools, std::time_t now) const;

 private:
  std::string guarded_prompt(const nlohmann::ordered_json& messages,
                             const nlohmann::ordered_json& tools, std::time_t now) const;

  jinja::Template template_;
  const Tokenizer& tokenizer_;
  ControlText control_;
};

// The template of a model's file, or nothing.
std::optional<std::string> chat_template_of(const Metadata& metadata);

// Templates by name, for models whose file has none. Nothing for an unknown one.
std::optional<std::string> built_in_chat_template(std::string_view name);
std::string built_in_chat_template_names();  // "chatml, llama2, ..."

}  // namespace lathe
