#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/json_node.h"
#include "runtime/checkpoint/json_file.h"
#include "runtime/gguf/metadata.h"
#include "runtime/text/import/import_vocabulary.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxTemplateBytes = 16U << 20;
constexpr const char* kDefault = "default";

using Templates = std::map<std::string, std::string>;  // by name

// One text, or a list of {name, template}.
Templates templates_in(const JsonNode& root) {
  Templates out;
  const auto node = root.find("chat_template");
  if (!node || node->is_null()) return out;
  if (node->is_text()) {
    out.emplace(kDefault, node->text());
    return out;
  }
  for (const JsonNode& one : node->elements()) {
    out.emplace(one.at("name").text(), one.at("template").text());
  }
  return out;
}

Templates templates_of_json(const std::string& path) {
  const auto json = find_json_file(path);
  return json ? templates_in(JsonNode(*json, path)) : Templates{};
}

Templates templates_of_files(const std::string& folder) {
  Templates out;
  auto text = read_small_file(folder + "/chat_template.jinja", kMaxTemplateBytes);
  if (!text) return out;
  out.emplace(kDefault, std::move(*text));
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder + "/additional_chat_templates", ignored)) {
    if (entry.path().extension() != ".jinja") continue;
    if (auto more = read_small_file(entry.path().string(), kMaxTemplateBytes)) {
      out.emplace(entry.path().stem().string(), std::move(*more));
    }
  }
  return out;
}

std::string key_name(std::string name) {
  std::replace_if(
      name.begin(), name.end(),
      [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0; }, '_');
  return name;
}

}  // namespace

void put_chat_templates(const std::string& folder, Metadata& metadata) {
  Templates templates = templates_of_json(folder + "/tokenizer_config.json");
  if (templates.empty()) templates = templates_of_files(folder);
  if (templates.empty()) templates = templates_of_json(folder + "/chat_template.json");
  std::vector<std::string> names;
  for (const auto& [name, text] : templates) {
    if (name == kDefault) {
      metadata.set("tokenizer.chat_template", Value::text(text));
    } else {
      names.push_back(key_name(name));
      metadata.set("tokenizer.chat_template." + names.back(), Value::text(text));
    }
  }
  if (!names.empty()) metadata.set("tokenizer.chat_templates", Value::strings(names));
}

}  // namespace lathe
