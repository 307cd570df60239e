// BPE and SPM against their definitions, carried out naively: look at all pairs, merge the best,
// start again. Random vocabularies over a small alphabet, where merges compete and overlap.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

using test::SmallVocabulary;
using Symbols = std::vector<std::string>;

std::string random_text(std::mt19937& random, std::string_view alphabet, std::size_t max_length) {
  std::string text(random() % max_length + 1, ' ');
  for (char& c : text) c = alphabet[random() % alphabet.size()];
  return text;
}

// Merges the pair with the smallest value of rank(left, right) until there is none; the leftmost
// among equals.
template <typename Rank>
Symbols merge_naively(Symbols symbols, const Rank& rank) {
  for (;;) {
    double best = 1e300;
    std::size_t at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const double value = rank(symbols[i], symbols[i + 1]);
      if (value < best) {
        best = value;
        at = i;
      }
    }
    if (best == 1e300) return symbols;
    symbols[at] += symbols[at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(at) + 1);
  }
}

Symbols characters(const std::string& text) {
  Symbols result;
  for (const char c : text) result.emplace_back(1, c);
  return result;
}

TEST(BpeMerges, EqualTheNaiveDefinition) {
  std::mt19937 random(1);
  for (int round = 0; round < 40; ++round) {
    SmallVocabulary v = test::small_bpe();
    std::map<std::pair<std::string, std::string>, int> ranks;
    std::vector<std::string> parts = {"a", "b", "c"};
    for (int i = 0; i < 25; ++i) {
      const std::string left = parts[random() % parts.size()];
      const std::string right = parts[random() % parts.size()];
      v.merge(left, right);
      ranks.emplace(std::pair{left, right}, i);  // the first of equal pairs stays
      parts.push_back(left + right);
    }
    const Tokenizer tokenizer = v.make();
    for (int i = 0; i < 40; ++i) {
      const std::string text = random_text(random, "abc", 40);
      std::vector<Token> expected;
      const auto rank = [&](const std::string& l, const std::string& r) {
        const auto found = ranks.find({l, r});
        return found == ranks.end() ? 1e300 : found->second;
      };
      for (const std::string& symbol : merge_naively(characters(text), rank)) {
        expected.push_back(tokenizer.find(symbol));
      }
      ASSERT_EQ(tokenizer.encode(text), expected) << text;
    }
  }
}

TEST(SpmMerges, EqualTheNaiveDefinition) {
  std::mt19937 random(2);
  for (int round = 0; round < 40; ++round) {
    SmallVocabulary v = test::small_spm();
    v.spec.add_space_prefix = false;
    std::map<std::string, float> scores;
    for (int i = 0; i < 30; ++i) {
      const std::string text = random_text(random, "abcd", 5);
      const float score = -static_cast<float>(random() % 8);  // many ties, and -0
      if (scores.emplace(text, score).second) v.add(text, TokenType::kNormal, score);
    }
    const Tokenizer tokenizer = v.make();
    for (int i = 0; i < 40; ++i) {
      const std::string text = random_text(random, "abcd", 40);
      std::vector<Token> expected = {1};
      const auto rank = [&](const std::string& l, const std::string& r) {
        const auto found = scores.find(l + r);
        return found == scores.end() ? 1e300 : -static_cast<double>(found->second);
      };
      for (const std::string& symbol : merge_naively(characters(text), rank)) {
        const Token token = tokenizer.find(symbol);
        expected.push_back(token != kNoToken ? token : 3 + symbol[0]);
      }
      ASSERT_EQ(tokenizer.encode(text), expected) << text;
    }
  }
}

TEST(BpeMerges, AWholePieceThatIsATokenIsNotMergedWhereThePreTokenizerSaysSo) {
  for (const bool ignores : {true, false}) {
    SmallVocabulary v = test::small_bpe(ignores ? "llama-bpe" : "dbrx");
    v.merge("a", "b");
    v.add("abc");  // no merge leads to it
    const Tokenizer tokenizer = v.make();
    const std::vector<Token> merged = {tokenizer.find("ab"), 'c'};
    const std::vector<Token> whole = {tokenizer.find("abc")};
    EXPECT_EQ(tokenizer.encode("abc", {.add_special = false}), ignores ? whole : merged);
  }
}

// A merge may lead to a text that is no token: it comes out as its bytes.
TEST(BpeMerges, AMergedTextWithoutATokenFallsBackToBytes) {
  SmallVocabulary v = test::small_bpe();
  v.spec.merges->push_back("x y");
  const Tokenizer tokenizer = v.make();
  EXPECT_EQ(tokenizer.encode("xyx"), (std::vector<Token>{'x', 'y', 'x'}));
}

TEST(BpeMerges, BytesWithoutATokenAreDropped) {
  SmallVocabulary v;
  v.spec.model = "gpt2";
  v.spec.pre = "gpt-2";
  v.spec.merges.emplace();
  v.add("a");
  v.add("b");
  EXPECT_EQ(v.make().encode("axb"), (std::vector<Token>{0, 1}));
}

TEST(SpmBytes, FallBackToByteTokensThenToTheUnknownToken) {
  SmallVocabulary v = test::small_spm();
  v.spec.add_space_prefix = false;
  EXPECT_EQ(v.make().encode("\u00E9"), (std::vector<Token>{1, 3 + 0xC3, 3 + 0xA9}));

  SmallVocabulary w;
  w.spec.model = "llama";
  w.spec.add_space_prefix = false;
  w.add("<unk>", TokenType::kUnknown);
  w.add("<s>", TokenType::kControl);
  w.add("a");
  EXPECT_EQ(w.make().encode("aza"), (std::vector<Token>{1, 2, 0, 2}));
}

}  // namespace
}  // namespace lathe
