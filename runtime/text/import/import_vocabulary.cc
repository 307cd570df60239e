#include "runtime/text/import/import_vocabulary.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/checkpoint/json_file.h"
#include "runtime/text/import/readers.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

constexpr float kAddedScore = -1000.0f;
constexpr std::array<const char*, 7> kSpecialNames = {"bos", "eos", "unk", "sep",
                                                      "pad", "cls", "mask"};

// Numbered ones ("tokenizer.model.v3") are those of Mistral's own folders.
std::string find_sentencepiece(const std::string& folder) {
  std::string found;
  std::error_code ignored;
  if (fs::is_regular_file(folder + "/tokenizer.model", ignored)) return folder + "/tokenizer.model";
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    if (name.find("tokenizer.model.v") == name.npos) continue;
    if (found.empty() || name > fs::path(found).filename().string()) found = folder + "/" + name;
  }
  return found;
}

ImportedVocabulary read_vocabulary(const VocabularyRequest& request) {
  const std::string& folder = request.folder;
  const std::string model = find_sentencepiece(folder);
  const auto bytes = model.empty() ? std::nullopt : read_small_file(model, kMaxJsonBytes);
  if (bytes && !is_tiktoken(*bytes)) return read_sentencepiece(*bytes, model);
  const std::string json = folder + "/tokenizer.json";
  if (const auto parsed = find_json_file(json)) {
    return read_tokenizer_json(*parsed, json, request.pre);
  }
  const std::string tekken = folder + "/tekken.json";
  if (const auto parsed = find_json_file(tekken)) {
    return read_tekken(*parsed, tekken, request.n_vocab);
  }
  if (bytes) return read_tiktoken(*bytes, model);
  throw bad_input(folder,
                  "there is no tokenizer: expected tokenizer.model, tokenizer.json or tekken.json");
}

// A token that stands beside the SentencePiece model.
void add_token(std::uint64_t id, std::string text, bool special, ImportedVocabulary& out) {
  if (id >= out.tokens.size()) return;
  const bool control = special || looks_special(text);
  if (!control) text = replaced(text, kSpmSpace, " ");
  const bool is_unknown = out.types[id] == TokenType::kUnknown && out.tokens[id] == text;
  out.tokens[id] = std::move(text);
  out.scores[id] = kAddedScore;
  if (is_unknown) return;
  out.types[id] = control ? TokenType::kControl : TokenType::kUserDefined;
}

// Pieces that the model itself keeps out of plain text.
bool is_said_by_model(std::uint64_t id, const std::string& text, const ImportedVocabulary& out) {
  if (id >= out.tokens.size() || out.tokens[id] != text) return false;
  const TokenType type = out.types[id];
  return type == TokenType::kUnknown || type == TokenType::kControl || type == TokenType::kByte;
}

void add_tokens_beside(const std::string& folder, const std::optional<JsonNode>& config,
                       ImportedVocabulary& out) {
  const std::string added = folder + "/added_tokens.json";
  if (const auto json = find_json_file(added)) {
    for (const auto& [text, id] : JsonNode(*json, added).members()) {
      add_token(id.uint(~0U), text, false, out);
    }
  }
  const auto decoder = config ? config->find("added_tokens_decoder") : std::nullopt;
  if (!decoder || decoder->is_null()) return;
  for (const auto& [number, token] : decoder->members()) {
    std::uint64_t id = 0;
    const char* const last = number.data() + number.size();
    const auto [end, error] = std::from_chars(number.data(), last, id);
    if (error != std::errc{} || end != last) token.fail("its name is no id");
    if (is_said_by_model(id, token.at("content").text(), out)) continue;
    const auto special = token.find("special");
    add_token(id, token.at("content").text(), special && special->boolean(), out);
  }
}

// "<s>", or {"content": "<s>", ...}.
std::string token_text(const JsonNode& node) {
  if (node.is_text()) return node.text();
  return node.is_object() ? node.at("content").text() : std::string{};
}

std::optional<std::uint64_t> id_of_text(const ImportedVocabulary& vocabulary,
                                        const std::string& text) {
  for (std::size_t i = 0; i < vocabulary.tokens.size(); ++i) {
    if (vocabulary.tokens[i] == text) return i;
  }
  return std::nullopt;
}

void add_special_texts(const std::optional<JsonNode>& file, ImportedVocabulary& out,
                       std::map<std::string, std::uint64_t, std::less<>>& ids) {
  if (!file) return;
  for (const char* name : kSpecialNames) {
    const auto token = file->find(fmt::format("{}_token", name).c_str());
    if (!token || ids.contains(name)) continue;
    if (const auto id = id_of_text(out, token_text(*token))) ids.emplace(name, *id);
  }
}

void add_flags(const std::optional<JsonNode>& config, ImportedVocabulary& out) {
  const auto flag = [&](const char* key, std::optional<bool>& value) {
    const auto node = config ? config->find(key) : std::nullopt;
    if (node && !node->is_null()) value = node->boolean();
  };
  flag("add_bos_token", out.add_bos);
  flag("add_eos_token", out.add_eos);
  if (out.model == "llama" && !out.add_space_prefix) flag("add_prefix_space", out.add_space_prefix);
}

}  // namespace

ImportedVocabulary import_vocabulary(const VocabularyRequest& request) {
  ImportedVocabulary out = read_vocabulary(request);
  if (request.n_vocab > 0) out.fit(request.n_vocab);
  const std::string config_path = request.folder + "/tokenizer_config.json";
  const std::string map_path = request.folder + "/special_tokens_map.json";
  const auto config_json = find_json_file(config_path);
  const auto map_json = find_json_file(map_path);
  std::optional<JsonNode> config, special_map;
  if (config_json) config.emplace(*config_json, config_path);
  if (map_json) special_map.emplace(*map_json, map_path);
  if (out.model == "llama" && !out.origin.ends_with(".json")) {
    add_tokens_beside(request.folder, config, out);
  }
  // What was said first counts: the tokenizer's own files, the model's, the vocabulary.
  std::map<std::string, std::uint64_t, std::less<>> ids;
  add_special_texts(config, out, ids);
  add_special_texts(special_map, out, ids);
  ids.insert(request.special_ids.begin(), request.special_ids.end());
  ids.insert(out.special_ids.begin(), out.special_ids.end());
  out.special_ids = std::move(ids);
  add_flags(config, out);
  return out;
}

}  // namespace lathe
