#include "runtime/text/vocabulary.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

// The largest published vocabularies have 262,144 tokens, the longest published token 256 bytes.
constexpr std::size_t kMaxTokens = std::size_t{1} << 24;
constexpr std::size_t kMaxTokenBytes = std::size_t{1} << 16;

// Texts that name the end of a turn where the file has no key for it, best known first.
constexpr std::array<std::string_view, 9> kEndOfTurnTexts = {
    "<|eot_id|>",      "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
    "<|end_of_text|>", "<EOT>",      "_<EOT>",  "[EOT]"};
constexpr std::array<std::string_view, 1> kEndOfMessageTexts = {"<|eom_id|>"};
constexpr std::array<std::string_view, 3> kFimPadTexts = {"<|fim_pad|>", "<fim_pad>", "<fim-pad>"};
constexpr std::array<std::string_view, 4> kFimRepoTexts = {"<|fim_repo|>", "<|repo_name|>",
                                                           "<fim_repo>", "<fim-repo>"};
constexpr std::array<std::string_view, 1> kFimFileTexts = {"<|file_sep|>"};

// Texts that end generation wherever they are.
constexpr std::array<std::string_view, 13> kEndOfGenerationTexts = {"<|eot_id|>",
                                                                    "<|im_end|>",
                                                                    "<|end|>",
                                                                    "<end_of_turn>",
                                                                    "<|endoftext|>",
                                                                    "</s>",
                                                                    "<|eom_id|>",
                                                                    "<EOT>",
                                                                    "_<EOT>",
                                                                    "[EOT]",
                                                                    "[EOS]",
                                                                    "<|end_of_text|>",
                                                                    "<end_of_utterance>"};

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

void check_length(std::size_t length, std::size_t n_tokens, const char* key,
                  const std::string& where) {
  if (length >= n_tokens) return;
  throw bad_input(where, fmt::format("{} has {} entries for {} tokens", key, length, n_tokens));
}

}  // namespace

int byte_of_token_text(std::string_view text) noexcept {
  if (text.size() != 6 || !text.starts_with("<0x") || text[5] != '>') return -1;
  const int high = hex_digit(text[3]);
  const int low = hex_digit(text[4]);
  return high < 0 || low < 0 ? -1 : high * 16 + low;
}

Vocabulary::Vocabulary(const VocabularySpec& spec, const std::string& where) {
  add_texts(spec, where);
  add_scores(spec, where);
  add_types(spec, where);
  add_special_ids(spec);
  detect_special_texts();
  collect_end_of_generation(spec);
}

void Vocabulary::add_texts(const VocabularySpec& spec, const std::string& where) {
  if (spec.tokens.empty()) throw bad_input(where, "the vocabulary has no tokens");
  if (spec.tokens.size() > kMaxTokens) {
    throw bad_input(where, fmt::format("the vocabulary has {} tokens, at most {} are supported",
                                       spec.tokens.size(), kMaxTokens));
  }
  std::size_t bytes = 0;
  for (const std::string_view text : spec.tokens) bytes += text.size();
  texts_.reserve(spec.tokens.size(), bytes);
  for (std::size_t i = 0; i < spec.tokens.size(); ++i) {
    const std::string_view text = spec.tokens[i];
    if (text.size() > kMaxTokenBytes) {
      throw bad_input(where, fmt::format("token {} is {} bytes long, at most {} are supported", i,
                                         text.size(), kMaxTokenBytes));
    }
    longest_text_ = std::max(longest_text_, text.size());
    const auto added =
        texts_.insert(text.empty() ? fmt::format("[EMPTY_{}]", i) : std::string(text));
    if (!added.is_new) {
      throw bad_input(where, fmt::format("token {} has the same text as token {}", i, added.id));
    }
  }
}

void Vocabulary::add_scores(const VocabularySpec& spec, const std::string& where) {
  if (!spec.scores) return;
  check_length(spec.scores->size(), size(), "tokenizer.ggml.scores", where);
  scores_.assign(spec.scores->begin(), spec.scores->begin() + static_cast<std::ptrdiff_t>(size()));
  const auto nan =
      std::find_if(scores_.begin(), scores_.end(), [](float s) { return std::isnan(s); });
  if (nan != scores_.end()) {
    throw bad_input(where,
                    fmt::format("the score of token {} is not a number", nan - scores_.begin()));
  }
}

void Vocabulary::add_types(const VocabularySpec& spec, const std::string& where) {
  types_.assign(size(), TokenType::kNormal);
  if (!spec.types) return;
  check_length(spec.types->size(), size(), "tokenizer.ggml.token_type", where);
  for (std::size_t i = 0; i < size(); ++i) {
    const std::int32_t value = (*spec.types)[i];
    if (value < 0 || value > static_cast<std::int32_t>(TokenType::kByte)) {
      throw bad_input(where, fmt::format("token {} has type {}, expected 0 to 6", i, value));
    }
    types_[i] = static_cast<TokenType>(value);
    if (types_[i] == TokenType::kByte && byte_of_token_text(texts_[i]) < 0) {
      throw bad_input(where,
                      fmt::format("token {} is a byte token with the text {}, expected <0x00> "
                                  "to <0xFF>",
                                  i, quoted(texts_[i])));
    }
  }
}

void Vocabulary::add_special_ids(const VocabularySpec& spec) {
  const bool is_spm = spec.model == "llama";
  const auto id = [&](const VocabularySpec::Id& given, Token otherwise) {
    if (given) return *given < size() ? static_cast<Token>(*given) : kNoToken;
    return contains(otherwise) ? otherwise : kNoToken;
  };
  special_.bos = id(spec.bos, is_spm ? 1 : 11);
  const bool eos_is_listed = !spec.eos && !spec.more_eos.empty();
  special_.eos = id(eos_is_listed ? spec.more_eos.front() : spec.eos, is_spm ? 2 : 11);
  special_.unknown = id(spec.unknown, is_spm ? 0 : kNoToken);
  special_.eot = id(spec.eot, kNoToken);
  special_.eom = id(spec.eom, kNoToken);
  special_.separator = id(spec.separator, kNoToken);
  special_.padding = id(spec.padding, kNoToken);
  special_.mask = id(spec.mask, kNoToken);
  special_.fim_pad = id(spec.fim_pad, kNoToken);
  special_.fim_repo = id(spec.fim_repo, kNoToken);
  special_.fim_file = id(spec.fim_file, kNoToken);
}

// Fills what the keys left open from well-known texts; such a token is a control token whatever the
// file calls it, so that it never prints.
void Vocabulary::detect_special_texts() {
  const auto detect = [&](Token& id, auto& texts) {
    for (const std::string_view text : texts) {
      if (id != kNoToken) return;
      id = find(text);
      if (id != kNoToken) types_[index(id)] = TokenType::kControl;
    }
  };
  detect(special_.eot, kEndOfTurnTexts);
  detect(special_.eom, kEndOfMessageTexts);
  detect(special_.fim_pad, kFimPadTexts);
  detect(special_.fim_repo, kFimRepoTexts);
  detect(special_.fim_file, kFimFileTexts);
}

void Vocabulary::collect_end_of_generation(const VocabularySpec& spec) {
  auto& ends = end_of_generation_;
  ends = {special_.eos,     special_.eot,      special_.eom,
          special_.fim_pad, special_.fim_repo, special_.fim_file};
  for (const std::string_view text : kEndOfGenerationTexts) ends.push_back(find(text));
  for (const std::uint64_t id : spec.more_eos) {
    if (id < size()) ends.push_back(static_cast<Token>(id));
  }
  std::sort(ends.begin(), ends.end());
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  if (ends.front() == kNoToken) ends.erase(ends.begin());
}

bool Vocabulary::ends_generation(Token token) const noexcept {
  return std::binary_search(end_of_generation_.begin(), end_of_generation_.end(), token);
}

}  // namespace lathe
