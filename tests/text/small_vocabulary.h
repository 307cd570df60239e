// Vocabularies made by hand, so that the tests need no file of anybody else.
#pragma once

#include <deque>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/text/tokenizer.h"
#include "runtime/text/utf8.h"
#include "runtime/text/vocabulary_spec.h"

namespace lathe::test {

// GPT-2's spelling of bytes, written from its definition and not from the code under test.
inline std::string spell_bytes(std::string_view bytes) {
  std::string spelled;
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    char32_t code_point = 0;
    if (byte <= 0x20)
      code_point = 0x100u + byte;
    else if (byte <= 0x7E)
      code_point = byte;
    else if (byte <= 0xA0)
      code_point = 0x121u + (byte - 0x7Fu);
    else if (byte == 0xAD)
      code_point = 0x143;
    else
      code_point = byte;
    append_utf8(spelled, code_point);
  }
  return spelled;
}

// A spec together with the texts that it points to.
class SmallVocabulary {
 public:
  Token add(std::string text, TokenType type = TokenType::kNormal, float score = 0) {
    spec.tokens.push_back(keep(std::move(text)));
    if (!spec.types) spec.types.emplace();
    if (!spec.scores) spec.scores.emplace();
    spec.types->push_back(static_cast<std::int32_t>(type));
    spec.scores->push_back(score);
    return static_cast<Token>(spec.tokens.size() - 1);
  }

  // A merge of two byte strings; adds the token that it makes if it is new.
  void merge(const std::string& left, const std::string& right) {
    spec.merges->push_back(keep(spell_bytes(left) + " " + spell_bytes(right)));
    const std::string whole = spell_bytes(left + right);
    for (const std::string_view text : spec.tokens) {
      if (text == whole) return;
    }
    add(whole);
  }

  std::string_view keep(std::string text) { return texts_.emplace_back(std::move(text)); }

  Tokenizer make() const { return Tokenizer(spec, "small"); }

  VocabularySpec spec;

 private:
  std::deque<std::string> texts_;
};

// All 256 bytes as tokens 0 to 255, then <s> and </s>; no merges yet.
inline SmallVocabulary small_bpe(const std::string& pre = "gpt-2") {
  SmallVocabulary v;
  v.spec.model = "gpt2";
  v.spec.pre = pre;
  v.spec.merges.emplace();
  for (int byte = 0; byte < 256; ++byte)
    v.add(spell_bytes(std::string(1, static_cast<char>(byte))));
  v.spec.bos = static_cast<std::uint64_t>(v.add("<s>", TokenType::kControl));
  v.spec.eos = static_cast<std::uint64_t>(v.add("</s>", TokenType::kControl));
  return v;
}

// <unk> <s> </s>, the 256 byte tokens (ids 3 to 258), then what the caller adds.
inline SmallVocabulary small_spm() {
  SmallVocabulary v;
  v.spec.model = "llama";
  v.add("<unk>", TokenType::kUnknown);
  v.add("<s>", TokenType::kControl);
  v.add("</s>", TokenType::kControl);
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  for (std::size_t byte = 0; byte < 256; ++byte) {
    v.add(std::string("<0x") + kDigits[byte / 16] + kDigits[byte % 16] + ">", TokenType::kByte);
  }
  return v;
}

}  // namespace lathe::test
