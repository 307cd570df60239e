// A checked vocabulary: texts, scores, types and special ids, all within bounds.
//
// Both tokenizer models are built on it. Immutable after construction.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/text/string_table.h"
#include "runtime/text/token.h"
#include "runtime/text/vocabulary_spec.h"

namespace lathe {

class Vocabulary {
 public:
  // Error (kBadInput) naming the token at fault: no tokens, too many or too long ones, the same
  // text twice, arrays shorter than the tokens, a type that does not exist, a byte token that is no
  // byte. Ids of special tokens outside the vocabulary are ignored.
  Vocabulary(const VocabularySpec& spec, const std::string& where);

  std::size_t size() const noexcept { return texts_.size(); }
  bool contains(Token token) const noexcept {
    return token >= 0 && static_cast<std::size_t>(token) < size();
  }

  // The text as the file spells it; `token` must be in the vocabulary.
  std::string_view text(Token token) const noexcept { return texts_[index(token)]; }
  TokenType type(Token token) const noexcept { return types_[index(token)]; }
  float score(Token token) const noexcept { return scores_.empty() ? 0 : scores_[index(token)]; }

  // The token with this text, or kNoToken.
  Token find(std::string_view text) const noexcept { return texts_.find(text); }

  const SpecialTokens& special() const noexcept { return special_; }
  bool ends_generation(Token token) const noexcept;
  std::size_t longest_text() const noexcept { return longest_text_; }

 private:
  static std::size_t index(Token token) noexcept { return static_cast<std::size_t>(token); }
  void add_texts(const VocabularySpec& spec, const std::string& where);
  void add_scores(const VocabularySpec& spec, const std::string& where);
  void add_types(const VocabularySpec& spec, const std::string& where);
  void add_special_ids(const VocabularySpec& spec);
  void detect_special_texts();
  void collect_end_of_generation(const VocabularySpec& spec);

  StringTable texts_;
  std::vector<float> scores_;  // empty: all zero
  std::vector<TokenType> types_;
  SpecialTokens special_;
  std::vector<Token> end_of_generation_;  // sorted
  std::size_t longest_text_ = 0;
};

// The byte of "<0xHH>", or -1: two hexadecimal digits, nothing else.
int byte_of_token_text(std::string_view text) noexcept;

}  // namespace lathe
