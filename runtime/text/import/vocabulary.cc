#include "runtime/text/import/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "runtime/base/error.h"
#include "runtime/gguf/metadata.h"

namespace lathe {
namespace {

constexpr float kPaddingScore = -10000.0f;

// Name in Hugging Face's files, and in GGUF's.
struct SpecialKey {
  std::string_view name, key;
};
constexpr std::array<SpecialKey, 7> kSpecialKeys = {{{"bos", "bos"},
                                                     {"eos", "eos"},
                                                     {"unk", "unknown"},
                                                     {"sep", "seperator"},
                                                     {"pad", "padding"},
                                                     {"cls", "cls"},
                                                     {"mask", "mask"}}};

Value list_of(const std::vector<std::string>& texts) {
  StringList list;
  for (const std::string& text : texts) list.push_back(text);
  return Value::strings(std::move(list));
}

bool is_bracketed(std::string_view text, std::string_view open, std::string_view close) noexcept {
  return text.size() > open.size() + close.size() && text.starts_with(open) &&
         text.ends_with(close);
}

}  // namespace

std::string padding_text(std::size_t id) { return fmt::format("[PAD{}]", id); }

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t found = std::min(text.find(from, at), text.size());
    out.append(text.substr(at, found - at));
    if (found < text.size()) out.append(to);
    at = found + from.size();
  }
  return out;
}

bool looks_special(std::string_view text) noexcept {
  constexpr std::string_view kNames[] = {"<pad>", "<mask>", "<2mass>", "[@BOS@]"};
  if (std::find(std::begin(kNames), std::end(kNames), text) != std::end(kNames)) return true;
  return is_bracketed(text, "<|", "|>") ||
         is_bracketed(text, "<\xEF\xBD\x9C", "\xEF\xBD\x9C>") ||  // U+FF5C
         is_bracketed(text, "<unused", ">");
}

void ImportedVocabulary::fit(std::uint64_t n) {
  if (tokens.size() > n) {
    throw bad_input(
        origin, fmt::format("{} tokens, and the model has a vocabulary of {}", tokens.size(), n));
  }
  while (tokens.size() < n) {
    tokens.push_back(padding_text(tokens.size()));
    types.push_back(TokenType::kUnused);
    if (!scores.empty()) scores.push_back(kPaddingScore);
  }
}

void ImportedVocabulary::put(Metadata& metadata) const {
  metadata.set("tokenizer.ggml.model", Value::text(model));
  metadata.set("tokenizer.ggml.pre", Value::text(pre));
  metadata.set("tokenizer.ggml.tokens", list_of(tokens));
  if (!scores.empty()) {
    metadata.set("tokenizer.ggml.scores", Value::array<float>(std::span(scores)));
  }
  std::vector<std::int32_t> numbers;
  numbers.reserve(types.size());
  for (const TokenType type : types) numbers.push_back(static_cast<std::int32_t>(type));
  metadata.set("tokenizer.ggml.token_type",
               Value::array<std::int32_t>(std::span<const std::int32_t>(numbers)));
  if (!merges.empty()) metadata.set("tokenizer.ggml.merges", list_of(merges));
  for (const SpecialKey& special : kSpecialKeys) {
    const auto at = special_ids.find(special.name);
    if (at == special_ids.end() || at->second >= tokens.size()) continue;
    metadata.set(fmt::format("tokenizer.ggml.{}_token_id", special.key),
                 Value::u32(static_cast<std::uint32_t>(at->second)));
  }
  const auto flag = [&](const char* name, std::optional<bool> value) {
    if (value) metadata.set(name, Value::boolean(*value));
  };
  flag("tokenizer.ggml.add_bos_token", add_bos);
  flag("tokenizer.ggml.add_eos_token", add_eos);
  flag("tokenizer.ggml.add_space_prefix", add_space_prefix);
}

}  // namespace lathe
