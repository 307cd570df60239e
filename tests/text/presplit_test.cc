// The matchers of the pre-tokenizers against python3-regex, through tests/golden/presplit.json.
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "runtime/text/char_class.h"
#include "runtime/text/pre_tokenizer.h"
#include "runtime/text/utf8.h"
#include "tests/support/golden.h"

namespace lathe {
namespace {

const nlohmann::json& golden() {
  static const nlohmann::json data = [] {
    std::ifstream file(test::golden_path("presplit.json"));
    return nlohmann::json::parse(file);
  }();
  return data;
}

std::vector<std::size_t> split(const std::string& pre, const std::string& text) {
  std::vector<std::size_t> lengths;
  split_text(*find_pre_tokenizer(pre), text, lengths);
  return lengths;
}

std::vector<std::string> pieces(const std::string& pre, std::string_view text) {
  std::vector<std::string> result;
  for (const std::size_t length : split(pre, std::string(text))) {
    result.emplace_back(text.substr(0, length));
    text.remove_prefix(length);
  }
  return result;
}

using Pieces = std::vector<std::string>;

class Presplit : public testing::TestWithParam<const char*> {};

TEST_P(Presplit, EqualsPythonRegex) {
  const auto& texts = golden()["texts"];
  const auto& expected = golden()[GetParam()];
  ASSERT_EQ(texts.size(), 400u);
  ASSERT_EQ(expected.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(split(GetParam(), texts[i]), expected[i].get<std::vector<std::size_t>>())
        << "text " << i << ": " << texts[i].dump();
  }
}

INSTANTIATE_TEST_SUITE_P(PreTokenizers, Presplit,
                         testing::Values("gpt-2", "llama-bpe", "dbrx", "qwen2", "tekken", "smollm",
                                         "default"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::erase(name, '-');
                           return name;
                         });

TEST(CharClass, EqualsPythonRegexForEveryCodePoint) {
  const std::map<std::string, CharClass> properties = {{"upper", kUpper},
                                                       {"lower", kLower},
                                                       {"other_letter", kOtherLetter},
                                                       {"mark", kMark},
                                                       {"number", kNumber},
                                                       {"space", kSpace},
                                                       {"newline", kNewline},
                                                       {"punctuation", kPunctuation}};
  std::vector<CharClass> expected(0x110000);
  for (const auto& [name, bit] : properties) {
    for (const auto& range : golden()[name]) {
      for (int c = range[0]; c <= range[1]; ++c) expected[static_cast<std::size_t>(c)] |= bit;
    }
  }
  for (char32_t c = 0; c < 0x110000; ++c) {
    if (c >= 0xD800 && c < 0xE000) continue;  // surrogates are no characters
    ASSERT_EQ(char_class(c), expected[c]) << "U+" << std::hex << static_cast<std::uint32_t>(c);
  }
}

// The matchers have a table of their own for ASCII: as a single character between two letters, each
// class shows in the pieces.
TEST(CharClass, AsciiTableAgrees) {
  for (char32_t c = 0; c < 0x80; ++c) {
    std::string text = "!";
    append_utf8(text, c);
    const bool joins = (char_class(c) & (kLetter | kNumber | kSpace)) == 0;
    EXPECT_EQ(pieces("gpt-2", text).size(), joins ? 1u : 2u) << static_cast<int>(c);
    const bool is_punctuation = (char_class(c) & kPunctuation) != 0;
    EXPECT_EQ(match_punctuation(text, 1) == 2, is_punctuation) << static_cast<int>(c);
    EXPECT_EQ(match_numbers(text, 1) == 2, (char_class(c) & kNumber) != 0) << static_cast<int>(c);
  }
}

TEST(Presplit, ContractionsOfLlama3IgnoreCaseAndKnowTheLongS) {
  EXPECT_EQ(pieces("llama-bpe", "it'S"), (Pieces{"it", "'S"}));
  EXPECT_EQ(pieces("llama-bpe", "it'\u017Fo"), (Pieces{"it", "'\u017F", "o"}));
  EXPECT_EQ(pieces("gpt-2", "it'So"), (Pieces{"it", "'", "So"}));
}

TEST(Presplit, MalformedUtf8IsASymbolAndKeepsItsBytes) {
  EXPECT_EQ(pieces("llama-bpe", "a\xFF\xFE!b"), (Pieces{"a", "\xFF\xFE!", "b"}));
  EXPECT_EQ(pieces("gpt-2", "a\xE2\x96"), (Pieces{"a", "\xE2\x96"}));
  EXPECT_EQ(pieces("tekken", "\xF0\x9F\x98word"), (Pieces{"\xF0\x9F\x98word"}));
}

TEST(PreTokenizer, AliasesShareTheirTableRow) {
  EXPECT_EQ(find_pre_tokenizer("llama3"), find_pre_tokenizer("llama-bpe"));
  EXPECT_EQ(find_pre_tokenizer("olmo"), find_pre_tokenizer("gpt-2"));
  EXPECT_NE(find_pre_tokenizer("dbrx"), find_pre_tokenizer("llama-bpe"));
  EXPECT_EQ(find_pre_tokenizer("no-such"), nullptr);
  EXPECT_EQ(find_pre_tokenizer(""), nullptr);
}

TEST(PreTokenizer, EmptyTextHasNoPieces) { EXPECT_TRUE(split("default", "").empty()); }

}  // namespace
}  // namespace lathe
