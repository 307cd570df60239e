#include "runtime/text/chat_template.h"

#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "runtime/gguf/metadata.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

// All strings of the data, the keys of objects too: tools come from elsewhere as well.
Json guarded(const Json& data, const ControlText& control, int depth = 0) {
  if (depth > jinja::kMaxDepthOfData) throw usage_error("a conversation nested too deeply");
  if (data.is_string()) return control.guard(data.get_ref<const std::string&>());
  if (data.is_array()) {
    Json out = Json::array();
    for (const Json& item : data) out.push_back(guarded(item, control, depth + 1));
    return out;
  }
  if (!data.is_object()) return data;
  Json out = Json::object();
  for (const auto& [key, value] : data.items())
    out[control.guard(key)] = guarded(value, control, depth + 1);
  return out;
}

std::string name_of(const Tokenizer& tokenizer, Token token) {
  return token == kNoToken ? std::string() : tokenizer.piece(token, true);
}

std::string resolved(std::string_view source) {
  return built_in_chat_template(source).value_or(std::string(source));
}

}  // namespace

ChatTemplate::ChatTemplate(std::string_view source, const std::string& where,
                           const Tokenizer& tokenizer)
    : template_(resolved(source), where), tokenizer_(tokenizer), control_(tokenizer) {}

std::string ChatTemplate::guarded_prompt(const Json& messages, const Json& tools,
                                         std::time_t now) const {
  Json context = {{"messages", guarded(messages, control_)},
                  {"bos_token", name_of(tokenizer_, tokenizer_.bos())},
                  {"eos_token", name_of(tokenizer_, tokenizer_.eos())},
                  {"add_generation_prompt", true}};
  if (!tools.is_null()) context["tools"] = guarded(tools, control_);
  return template_.render(context, now);
}

std::string ChatTemplate::text(const Json& messages, const Json& tools, std::time_t now) const {
  return ControlText::unguard(guarded_prompt(messages, tools, now));
}

std::vector<Token> ChatTemplate::tokens(const Json& messages, const Json& tools,
                                        std::time_t now) const {
  std::vector<Token> tokens = control_.encode(guarded_prompt(messages, tools, now));
  const Token bos = tokenizer_.bos();
  const bool has_bos = !tokens.empty() && tokens.front() == bos;
  if (tokenizer_.add_bos() && bos != kNoToken && !has_bos) tokens.insert(tokens.begin(), bos);
  return tokens;
}

std::optional<std::string> chat_template_of(const Metadata& metadata) {
  const auto text = metadata.text("tokenizer.chat_template");
  if (!text || text->empty()) return std::nullopt;
  return std::string(*text);
}

}  // namespace lathe
