#include "tools/jobs/chat_model.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "tools/jobs/text_input.h"

namespace lathe {
namespace {

// Neither Jinja nor one of the names: a name that is misspelt.
void require_known(const std::string& text) {
  if (built_in_chat_template(text) || text.find("{{") != text.npos ||
      text.find("{%") != text.npos) {
    return;
  }
  throw usage_error(
      fmt::format("--chat-template {} is no Jinja template, and none of those built in: {}", text,
                  built_in_chat_template_names()));
}

}  // namespace

ChatTemplate open_chat_template(const ChatTemplateOptions& options, const TensorSource& file,
                                const Tokenizer& tokenizer) {
  if (!options.file.empty()) {
    return ChatTemplate(read_text_file(options.file), options.file, tokenizer);
  }
  if (!options.text.empty()) {
    require_known(options.text);
    return ChatTemplate(options.text, "--chat-template", tokenizer);
  }
  const std::optional<std::string> own = chat_template_of(file.metadata());
  if (!own) {
    throw usage_error(fmt::format(
        "the model's file has no chat template (tokenizer.chat_template): name the one it was "
        "trained with by --chat-template NAME ({}), or give one by --chat-template-file FILE. A "
        "base model was trained with none; chatml is worth a try",
        built_in_chat_template_names()));
  }
  return ChatTemplate(*own, "the chat template of " + file.metadata().origin(), tokenizer);
}

std::vector<Token> question_tokens(const ChatTemplate& chat, const std::string& system,
                                   const std::string& question) {
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  if (!system.empty()) messages.push_back({{"role", "system"}, {"content", system}});
  messages.push_back({{"role", "user"}, {"content", question}});
  return chat.tokens(messages, nullptr, std::time(nullptr));
}

}  // namespace lathe
