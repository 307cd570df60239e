// What stands around the merging: special tokens, flags, detokenization, round trips, long inputs.
#include "runtime/text/tokenizer.h"

#include <gtest/gtest.h>

#include <ctime>
#include <random>
#include <string>
#include <vector>

#include "runtime/gguf/gguf_file.h"
#include "tests/support/source_path.h"
#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

using test::SmallVocabulary;
using Tokens = std::vector<Token>;

Tokenizer packaged() {
  const std::string path = test::source_path("tests/data/tiny-llama-f16.gguf");
  return Tokenizer::from_metadata(GgufFile::open(path).metadata());
}

SmallVocabulary word_spm() {
  SmallVocabulary v = test::small_spm();
  v.add("\u2581");                           // 259
  v.add("a");                                // 260
  v.add("\u2581a", TokenType::kNormal, 1);   // 261
  v.add("[TOOL]", TokenType::kUserDefined);  // 262
  v.add("<|im_end|>", TokenType::kControl);  // 263
  return v;
}

TEST(Special, ControlTokensAreOnlyParsedOnRequest) {
  const Tokenizer tokenizer = test::small_bpe().make();
  EXPECT_EQ(tokenizer.encode("a</s>b", {.parse_special = true}), (Tokens{'a', 257, 'b'}));
  EXPECT_EQ(tokenizer.encode("a</s>b"), (Tokens{'a', '<', '/', 's', '>', 'b'}));
}

TEST(Special, UserDefinedTokensAreAlwaysParsed) {
  SmallVocabulary v = test::small_bpe();
  const Token tool = v.add("[TOOL]", TokenType::kUserDefined);
  EXPECT_EQ(v.make().encode("x[TOOL][TOOL]"), (Tokens{'x', tool, tool}));
}

// "<ab>" takes its place before "<a" and "b>" can; of the rest the longer goes first again.
TEST(Special, LongestFirstThenLeftToRight) {
  SmallVocabulary v = test::small_bpe();
  const Token two = v.add("aa", TokenType::kUserDefined);
  const Token three = v.add("aaa", TokenType::kUserDefined);
  const Token late = v.add("baab", TokenType::kUserDefined);
  const Tokenizer tokenizer = v.make();
  EXPECT_EQ(tokenizer.encode("aaaaaaa"), (Tokens{three, three, 'a'}));
  EXPECT_EQ(tokenizer.encode("aaaaa"), (Tokens{three, two}));
  EXPECT_EQ(tokenizer.encode("aabaab"), (Tokens{two, late}));
}

TEST(Special, IdsOutsideTheVocabularyAreIgnored) {
  SmallVocabulary v = test::small_bpe();
  v.spec.bos = 258;
  v.spec.eos = 0xFFFFFFFF;
  v.spec.add_bos = true;
  v.spec.add_eos = true;
  const Tokenizer tokenizer = v.make();
  EXPECT_EQ(tokenizer.bos(), kNoToken);
  EXPECT_EQ(tokenizer.eos(), kNoToken);
  EXPECT_EQ(tokenizer.encode("a"), (Tokens{'a'}));
  EXPECT_FALSE(tokenizer.is_end_of_generation(kNoToken));
}

// The defaults of the format are ids too, and a tiny vocabulary does not have them.
TEST(Special, DefaultIdsOutsideTheVocabularyAreIgnored) {
  SmallVocabulary v;
  v.spec.model = "llama";
  v.add("a");
  const Tokenizer tokenizer = v.make();
  EXPECT_EQ(tokenizer.bos(), kNoToken);
  EXPECT_EQ(tokenizer.special().unknown, 0);
  EXPECT_EQ(tokenizer.encode("a"), (Tokens{0, 0}));  // the prefix is unknown, as it has no bytes
}

TEST(Special, EndOfGenerationKnowsKeysAndTexts) {
  const Tokenizer tokenizer = word_spm().make();
  EXPECT_EQ(tokenizer.special().eot, 263);
  EXPECT_TRUE(tokenizer.is_end_of_generation(2));
  EXPECT_TRUE(tokenizer.is_end_of_generation(263));
  EXPECT_FALSE(tokenizer.is_end_of_generation(260));
  EXPECT_FALSE(tokenizer.is_end_of_generation(100000));
}

TEST(Special, AnEndOfTurnFoundByItsTextBecomesAControlToken) {
  SmallVocabulary v = test::small_bpe();
  const Token eot = v.add("<|eot_id|>");
  const Tokenizer tokenizer = v.make();
  EXPECT_EQ(tokenizer.type(eot), TokenType::kControl);
  EXPECT_EQ(tokenizer.encode("<|eot_id|>", {.parse_special = true}), (Tokens{eot}));
  EXPECT_EQ(tokenizer.piece(eot), "");
}

TEST(Flags, SpmAddsBosAndASpaceUnlessToldNotTo) {
  SmallVocabulary v = word_spm();
  EXPECT_EQ(v.make().encode("a"), (Tokens{1, 261}));
  EXPECT_EQ(v.make().encode(""), (Tokens{1}));
  EXPECT_EQ(v.make().encode("a", {.add_special = false}), (Tokens{261}));
  v.spec.add_eos = true;
  v.spec.add_bos = false;
  v.spec.add_space_prefix = false;
  EXPECT_EQ(v.make().encode("a a"), (Tokens{260, 261, 2}));
}

TEST(Flags, SpmPrefixesASpaceAfterEachSpecialToken) {
  EXPECT_EQ(word_spm().make().encode("a[TOOL]a"), (Tokens{1, 261, 262, 261}));
  EXPECT_EQ(word_spm().make().encode("[TOOL]a"), (Tokens{1, 262, 261}));
}

TEST(Flags, BpeAddsBosByPreTokenizer) {
  EXPECT_TRUE(test::small_bpe("llama-bpe").make().add_bos());
  EXPECT_TRUE(test::small_bpe("tekken").make().add_bos());
  EXPECT_FALSE(test::small_bpe("dbrx").make().add_bos());
  SmallVocabulary v = test::small_bpe("llama-bpe");
  v.spec.add_bos = false;
  EXPECT_FALSE(v.make().add_bos());
}

TEST(Decode, TypesPrintAsTheyShould) {
  SmallVocabulary v = word_spm();
  const Token unused = v.add("unused", TokenType::kUnused);
  const Tokenizer tokenizer = v.make();
  EXPECT_EQ(tokenizer.piece(261), " a");
  EXPECT_EQ(tokenizer.piece(262), "[TOOL]");
  EXPECT_EQ(tokenizer.piece(263), "");
  EXPECT_EQ(tokenizer.piece(263, true), "<|im_end|>");
  EXPECT_EQ(tokenizer.piece(0, true), "<unk>");
  EXPECT_EQ(tokenizer.piece(3 + 0xC3), "\xC3");
  EXPECT_EQ(tokenizer.piece(unused, true), "");
  EXPECT_EQ(tokenizer.piece(-5), "");
  EXPECT_EQ(tokenizer.piece(1 << 30), "");
}

TEST(Decode, OnlyTheFirstSpaceOfASequenceIsTakenAway) {
  const Tokenizer tokenizer = word_spm().make();
  EXPECT_EQ(tokenizer.decode(Tokens{1, 261, 261}), "a a");
  EXPECT_EQ(tokenizer.decode(Tokens{1, 259, 261}), " a");
  EXPECT_EQ(tokenizer.decode(Tokens{1, 261}, true), "<s> a");
}

TEST(Decode, BpeTextOutsideTheByteAlphabetStandsForItself) {
  SmallVocabulary v = test::small_bpe();
  const Token odd = v.add("\u4E00 a");
  EXPECT_EQ(v.make().piece(odd), "\u4E00 a");
}

std::string random_bytes(std::mt19937& random) {
  std::string bytes(random() % 64, '\0');
  for (char& c : bytes) c = static_cast<char>(random());
  return bytes;
}

std::string random_unicode(std::mt19937& random) {
  std::string text;
  for (auto n = random() % 24; n > 0; --n) {
    constexpr char32_t kLimits[] = {0x80, 0x800, 0x10000, 0x110000};
    const char32_t c = random() % kLimits[random() % 4];
    if ((c >= 0xD800 && c < 0xE000) || c == 0x2581) continue;
    append_utf8(text, random() % 4 == 0 ? U' ' : c);
  }
  return text;
}

TEST(RoundTrip, BpeGivesBackAnyBytes) {
  const Tokenizer real = packaged();
  std::vector<Tokenizer> tokenizers;
  for (const char* pre : {"llama-bpe", "tekken", "gpt-2", "dbrx", "smollm", "default", "qwen2"}) {
    SmallVocabulary v = test::small_bpe(pre);
    v.merge("\xE2", "\x96");
    v.merge("t", "h");
    v.merge("th", "e");
    v.merge(" ", "the");
    tokenizers.push_back(v.make());
  }
  std::mt19937 random(3);
  for (int i = 0; i < 3000; ++i) {
    const std::string text = i % 2 == 0 ? random_bytes(random) : random_unicode(random);
    ASSERT_EQ(real.decode(real.encode(text)), text);
    for (const Tokenizer& t : tokenizers) ASSERT_EQ(t.decode(t.encode(text)), text);
  }
}

TEST(RoundTrip, SpmGivesBackAnyTextWithoutItsSpace) {
  SmallVocabulary v = word_spm();
  v.add("\u2581\u2581", TokenType::kNormal, 2);
  v.add("\u00E9", TokenType::kNormal, 2);
  for (const bool prefix : {true, false}) {
    v.spec.add_space_prefix = prefix;
    const Tokenizer tokenizer = v.make();
    std::mt19937 random(4);
    for (int i = 0; i < 3000; ++i) {
      const std::string text = random_unicode(random);
      ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
    }
    EXPECT_EQ(tokenizer.decode(tokenizer.encode("  two  spaces ")), "  two  spaces ");
  }
}

TEST(RoundTrip, SpmBytesThatAreNoUtf8ComeBackToo) {
  const Tokenizer tokenizer = word_spm().make();
  std::mt19937 random(5);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = random_bytes(random);
    ASSERT_EQ(tokenizer.decode(tokenizer.encode(text)), text);
  }
}

// Quadratic algorithms would take minutes here; the bound leaves room for sanitizers.
TEST(LongInput, OneWordOfAMegabyteIsNotQuadratic) {
  const std::clock_t start = std::clock();  // CPU time: the machine may be busy
  SmallVocabulary bpe = test::small_bpe("tekken");
  SmallVocabulary spm = test::small_spm();
  std::string run = "A";
  for (int i = 0; i < 10; ++i) {
    bpe.merge(run, run);
    run += run;
    spm.add(run, TokenType::kNormal, static_cast<float>(i));
  }
  const std::string word(1 << 20, 'A');
  EXPECT_EQ(bpe.make().encode(word, {.add_special = false}).size(), 1024u);
  EXPECT_GE(spm.make().encode(word, {.add_special = false}).size(), 1024u);

  const Tokenizer real = packaged();
  for (const char* unit :
       {"a", " ", "\n", "1", "!", "\u0301", "\u00AA", "A\u02B0", "'", "<|", "\xFF"}) {
    std::string text;
    while (text.size() < (1 << 16)) text += unit;
    EXPECT_EQ(real.decode(real.encode(text)), text);
  }
  EXPECT_LT(static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC, 60.0);
}

TEST(Tokenizer, ThePackagedModelsAgreeWithTheirMetadata) {
  const Tokenizer tokenizer = packaged();
  EXPECT_EQ(tokenizer.n_vocab(), 4096u);
  EXPECT_TRUE(tokenizer.add_bos());
  EXPECT_EQ(tokenizer.bos(), 4091);
  EXPECT_TRUE(tokenizer.is_end_of_generation(4092));
  const Tokens ids = tokenizer.encode("The old mill stood still.");
  EXPECT_EQ(ids.front(), 4091);
  EXPECT_LT(ids.size(), 12u);
}

}  // namespace
}  // namespace lathe
