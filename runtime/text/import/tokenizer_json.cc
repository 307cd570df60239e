#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <unordered_map>
#include <utility>

#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/base/quote.h"
#include "runtime/text/bpe_model.h"
#include "runtime/text/byte_code.h"
#include "runtime/text/import/readers.h"
#include "runtime/text/vocabulary.h"
#include "runtime/text/vocabulary_spec.h"

namespace lathe {
namespace {

constexpr std::uint64_t kMaxTokens = std::uint64_t{1} << 24;
constexpr std::string_view kByteLevelSpace = "\xC4\xA0";  // U+0120, the byte-level one

bool flag(const JsonNode& node, const char* key) {
  const auto value = node.find(key);
  return value && !value->is_null() && value->boolean();
}

std::string text_or_empty(const JsonNode& node, const char* key) {
  const auto value = node.find(key);
  return value && value->is_text() ? value->text() : std::string{};
}

// One step, or each of a sequence of them.
std::vector<JsonNode> steps_of(const JsonNode& node, const char* list) {
  if (node.is_null()) return {};
  if (node.at("type").text() == "Sequence") return node.at(list).elements();
  return {node};
}
std::vector<JsonNode> steps_of(const JsonNode& root, const char* key, const char* list) {
  const auto node = root.find(key);
  return node ? steps_of(*node, list) : std::vector<JsonNode>{};
}

class Reader {
 public:
  Reader(const nlohmann::json& json, const std::string& where, const std::string& pre)
      : root_(json, where), model_(root_.at("model")), where_(where), pre_(pre) {}

  ImportedVocabulary read() {
    check_model();
    out_.origin = where_;
    const bool spm = flag(model_, "byte_fallback");
    out_.model = spm ? "llama" : "gpt2";
    read_tokens(spm);
    read_added_tokens(spm);
    fill_holes();
    read_flags();
    spm ? read_sentencepiece_way() : read_byte_level_way();
    return std::move(out_);
  }

 private:
  void check_model() const {
    const auto type = model_.find("type");
    if (type && !type->is_null() && type->text() != "BPE") {
      type->fail("a vocabulary of the kind " + quoted(type->text()) + ", lathe reads BPE");
    }
    for (const char* key : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      if (!text_or_empty(model_, key).empty()) model_.fail(fmt::format("has a {}", key));
    }
    if (const auto dropout = model_.find("dropout"); dropout && !dropout->is_null()) {
      if (dropout->real() != 0.0) dropout->fail("dropout in a tokenizer is not supported");
    }
  }

  std::string& slot(std::uint64_t id) {
    if (id >= out_.tokens.size()) {
      out_.tokens.resize(id + 1);
      out_.types.resize(id + 1, TokenType::kUndefined);
    }
    return out_.tokens[id];
  }

  // Ids up to a few times the number of tokens: a file cannot ask for more memory than that.
  std::uint64_t id_of(const JsonNode& node) const { return node.uint(max_id_); }

  void read_tokens(bool spm) {
    const auto vocab = model_.at("vocab").members();
    max_id_ = std::min(kMaxTokens, 4 * static_cast<std::uint64_t>(vocab.size()) + 65536);
    for (const auto& [text, id] : vocab) {
      const std::uint64_t i = id_of(id);
      std::string& token = slot(i);
      if (out_.types[i] != TokenType::kUndefined) id.fail(fmt::format("{} is another's id", i));
      token = text;
      const bool is_byte = spm && byte_of_token_text(text) >= 0;
      out_.types[i] = is_byte ? TokenType::kByte : TokenType::kNormal;
    }
  }

  void read_added_tokens(bool spm) {
    const auto added = root_.find("added_tokens");
    if (!added || added->is_null()) return;
    const std::string unknown = text_or_empty(model_, "unk_token");
    for (const JsonNode& token : added->elements()) {
      const std::uint64_t id = id_of(token.at("id"));
      std::string text = token.at("content").text();
      const bool special = flag(token, "special");
      const bool control = special || looks_special(text);
      if (!control) text = replaced(text, kSpmSpace, " ");
      slot(id) = std::move(text);
      out_.types[id] = control ? TokenType::kControl : TokenType::kUserDefined;
      if (spm && out_.tokens[id] == unknown) out_.types[id] = TokenType::kUnknown;
    }
  }

  void fill_holes() {
    for (std::size_t i = 0; i < out_.tokens.size(); ++i) {
      if (out_.types[i] != TokenType::kUndefined) continue;
      out_.tokens[i] = padding_text(i);
      out_.types[i] = TokenType::kUnused;
    }
  }

  // Which special tokens a text gets, from the template of the post-processor.
  void read_flags() {
    for (const JsonNode& step : steps_of(root_, "post_processor", "processors")) {
      if (step.at("type").text() != "TemplateProcessing") continue;
      const std::vector<JsonNode> single = step.at("single").elements();
      if (single.empty()) continue;
      before_ = special_of(single.front());
      after_ = single.size() > 1 ? special_of(single.back()) : std::string{};
    }
    out_.add_bos = !before_.empty();
    if (!after_.empty()) out_.add_eos = true;
    const auto id = [&](const char* name, const std::string& text) {
      const auto at = std::find(out_.tokens.begin(), out_.tokens.end(), text);
      if (text.empty() || at == out_.tokens.end()) return;
      out_.special_ids.emplace(name, static_cast<std::uint64_t>(at - out_.tokens.begin()));
    };
    id("bos", before_);
    id("eos", after_);
    id("unk", text_or_empty(model_, "unk_token"));
  }

  static std::string special_of(const JsonNode& step) {
    const auto special = step.find("SpecialToken");
    return special ? special->at("id").text() : std::string{};
  }

  std::vector<std::pair<std::string, std::string>> merges() const {
    std::vector<std::pair<std::string, std::string>> out;
    for (const JsonNode& merge : model_.at("merges").elements()) {
      if (merge.is_array()) {
        const std::vector<JsonNode> parts = merge.elements();
        if (parts.size() != 2) merge.fail("expected two texts");
        out.emplace_back(parts[0].text(), parts[1].text());
        continue;
      }
      const std::string& text = merge.text();
      const std::size_t space = text.find(' ', 1);
      if (space == text.npos || space + 1 == text.size()) merge.fail("expected two texts");
      out.emplace_back(text.substr(0, space), text.substr(space + 1));
    }
    return out;
  }

  // ---- byte-level BPE

  void read_byte_level_way() {
    for (const auto& [left, right] : merges()) {
      out_.merges.push_back(replaced(left, " ", kByteLevelSpace) + " " +
                            replaced(right, " ", kByteLevelSpace));
    }
    for (const JsonNode& step : steps_of(root_, "normalizer", "normalizers")) {
      if (step.at("type").text() == "NFC") continue;  // what texts are as they come
      step.fail("texts are normalized, which lathe does not do");
    }
    out_.pre = pre_.empty() ? pre_tokenizer() : pre_;
    if (find_pre_tokenizer(out_.pre) == nullptr) {
      throw usage_error(fmt::format("no pre-tokenizer is called {}; there are: {}",
                                    quoted(out_.pre), known_pre_tokenizers()));
    }
  }

  // The patterns by which texts are split, one after another.
  std::vector<std::string> patterns() const {
    constexpr std::string_view kGpt2 =
        R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";
    std::vector<std::string> out;
    for (const JsonNode& step : steps_of(root_, "pre_tokenizer", "pretokenizers")) {
      const std::string& type = step.at("type").text();
      if (type == "Split") {
        const JsonNode pattern = step.at("pattern");
        const auto regex = pattern.find("Regex");
        out.push_back(regex ? regex->text() : "\"" + pattern.at("String").text() + "\"");
      } else if (type == "Digits" && flag(step, "individual_digits")) {
        out.emplace_back(R"(\p{N})");
      } else if (type == "ByteLevel") {
        if (flag(step, "add_prefix_space")) step.fail("a space before each text is not supported");
        const auto use_regex = step.find("use_regex");
        if (!use_regex || use_regex->boolean()) out.emplace_back(kGpt2);
      } else {
        step.fail("a pre-tokenizer that lathe does not know: " + quoted(type));
      }
    }
    return out;
  }

  std::string pre_tokenizer() const {
    const std::vector<std::string> found = patterns();
    const std::string name = pre_tokenizer_of(found, flag(model_, "ignore_merges"));
    if (name == "dbrx" && out_.add_bos.value_or(false) && merges_reach_all()) return "llama-bpe";
    if (!name.empty()) return name;
    std::string shown;
    for (const std::string& pattern : found) shown += "\n  " + printable(pattern, 2000);
    root_.at("pre_tokenizer")
        .fail(fmt::format("texts are split by patterns that lathe does not know{}:{}\n(`lathe "
                          "convert --pre` names "
                          "one of: {})",
                          flag(model_, "ignore_merges") ? ", and whole tokens are taken first" : "",
                          shown, known_pre_tokenizers()));
  }

  // Whether merging gives every token for its own text: then it does not matter that a piece which
  // is a token could be taken whole, and the better known name does.
  bool merges_reach_all() const {
    VocabularySpec spec;
    spec.model = out_.model;
    spec.tokens.assign(out_.tokens.begin(), out_.tokens.end());
    const Vocabulary vocabulary(spec, where_);
    const PreTokenizer& pre = *find_pre_tokenizer("dbrx");
    const BpeModel bpe(vocabulary, {out_.merges.begin(), out_.merges.end()}, pre, where_);
    std::string bytes;
    std::vector<std::size_t> lengths;
    std::vector<Token> tokens;
    for (std::size_t i = 0; i < out_.tokens.size(); ++i) {
      if (out_.types[i] != TokenType::kNormal || !decode_byte_text(out_.tokens[i], bytes)) continue;
      split_text(pre, bytes, lengths);
      if (lengths.size() != 1) continue;  // never a whole piece
      tokens.clear();
      bpe.encode(bytes, tokens);
      if (tokens.size() != 1) return false;
    }
    return true;
  }

  // ---- BPE as SentencePiece does it

  // Scores that give the merges in their order: pieces are joined by the highest score.
  void read_sentencepiece_way() {
    out_.pre = "default";
    std::unordered_map<std::string, std::size_t> rank_of;
    std::size_t rank = 0;
    for (const auto& [left, right] : merges()) rank_of.emplace(left + right, rank++);
    for (const std::string& token : out_.tokens) {
      const auto at = rank_of.find(token);
      out_.scores.push_back(-static_cast<float>(at == rank_of.end() ? rank : at->second));
    }
    if (!puts_space_first()) out_.add_space_prefix = false;
  }

  // Whether a space is put before a text; refuses what else may be done to it.
  bool puts_space_first() const {
    bool prefix = false;
    for (const JsonNode& step : steps_of(root_, "normalizer", "normalizers")) {
      const std::string& type = step.at("type").text();
      if (type == "Prepend" && step.at("prepend").text() == kSpmSpace) {
        prefix = true;
      } else if (type != "Replace" || step.at("content").text() != kSpmSpace ||
                 text_or_empty(step.at("pattern"), "String") != " ") {
        step.fail("texts are normalized in a way that lathe does not know: " + quoted(type));
      }
    }
    for (const JsonNode& step : steps_of(root_, "pre_tokenizer", "pretokenizers")) {
      const std::string& type = step.at("type").text();
      if (type != "Metaspace")
        step.fail("a pre-tokenizer that lathe does not know: " + quoted(type));
      const auto scheme = step.find("prepend_scheme");
      prefix = scheme ? scheme->text() != "never" : flag(step, "add_prefix_space");
    }
    return prefix;
  }

  JsonNode root_, model_;
  const std::string& where_;
  const std::string& pre_;
  std::uint64_t max_id_ = 0;
  std::string before_, after_;  // the special tokens of the template
  ImportedVocabulary out_;
};

}  // namespace

ImportedVocabulary read_tokenizer_json(const nlohmann::json& json, const std::string& where,
                                       const std::string& pre) {
  return Reader(json, where, pre).read();
}

}  // namespace lathe
