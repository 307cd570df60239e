// What is said about a vocabulary: everything that the file leaves open and that decides results.
#include "runtime/text/vocabulary_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/gguf/metadata.h"
#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

using test::SmallVocabulary;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

SmallVocabulary whole_spm() {
  SmallVocabulary v = test::small_spm();
  v.spec.bos = 1;
  v.spec.eos = 2;
  return v;
}

TEST(VocabularyWarnings, WholeOnesHaveNone) {
  EXPECT_THAT(whole_spm().make().warnings(), IsEmpty());
  EXPECT_THAT(test::small_bpe("llama-bpe").make().warnings(), IsEmpty());
}

TEST(VocabularyWarnings, NoPreTokenizer) {
  SmallVocabulary v = test::small_bpe();
  v.spec.pre.reset();
  EXPECT_THAT(v.make().warnings(), ElementsAre(HasSubstr("no pre-tokenizer")));
}

TEST(VocabularyWarnings, NoBosAndNoEosNameWhatIsTakenForThem) {
  SmallVocabulary v = whole_spm();
  v.spec.bos.reset();
  v.spec.eos.reset();
  EXPECT_THAT(
      v.make().warnings(),
      ElementsAre("the file has no tokenizer.ggml.bos_token_id; token 1, '<s>', is taken for it",
                  "the file has no tokenizer.ggml.eos_token_id; token 2, '</s>', is taken for it"));
  v.spec.add_bos = false;
  EXPECT_THAT(v.make().warnings(), ElementsAre(HasSubstr("eos_token_id")));
}

TEST(VocabularyWarnings, IdsOutsideOfTheVocabulary) {
  SmallVocabulary v = whole_spm();
  v.spec.bos = 5000;
  v.spec.eos = 6000;
  EXPECT_THAT(v.make().warnings(),
              ElementsAre(HasSubstr("bos_token_id is 5000, but the vocabulary has 259 tokens"),
                          HasSubstr("eos_token_id is 6000")));
}

TEST(VocabularyWarnings, NoScoresAndNoTypes) {
  SmallVocabulary v = whole_spm();
  v.spec.scores.reset();
  v.spec.types.reset();
  EXPECT_THAT(v.make().warnings(),
              ElementsAre(HasSubstr("no scores of tokens"), HasSubstr("no types of tokens")));
}

TEST(VocabularyWarnings, SeveralTokensMayEndAText) {
  SmallVocabulary v = whole_spm();
  const Token a = v.add("[STOP]"), b = v.add("[HALT]");
  v.spec.more_eos = {static_cast<std::uint64_t>(a), static_cast<std::uint64_t>(b), 9999};
  const Tokenizer tokenizer = v.make();
  for (const Token t : {Token{2}, a, b}) EXPECT_TRUE(tokenizer.is_end_of_generation(t)) << t;
  EXPECT_FALSE(tokenizer.is_end_of_generation(10));
  EXPECT_EQ(tokenizer.eos(), 2);
  EXPECT_THAT(tokenizer.warnings(), ElementsAre(HasSubstr("eos_token_ids has 9999")));

  v.spec.more_eos.pop_back();
  v.spec.eos.reset();  // then the first of them is what a text is closed with
  EXPECT_EQ(v.make().eos(), a);
  EXPECT_THAT(v.make().warnings(), IsEmpty());
}

TEST(VocabularyWarnings, KeysThatAskForSomethingElseAreListed) {
  Metadata metadata("small.gguf");
  metadata.set("tokenizer.ggml.model", Value::text("llama"));
  metadata.set("tokenizer.ggml.fim_pre_token_id", Value::u32(7));
  metadata.set("tokenizer.ggml.remove_extra_whitespaces", Value::boolean(false));
  metadata.set("tokenizer.chat_template", Value::text("{{ x }}"));
  EXPECT_THAT(ignored_tokenizer_keys(metadata), IsEmpty());
  metadata.set("tokenizer.ggml.remove_extra_whitespaces", Value::boolean(true));
  metadata.set("tokenizer.ggml.lowercase", Value::boolean(true));
  const char* const both[] = {"tokenizer.ggml.remove_extra_whitespaces",
                              "tokenizer.ggml.lowercase"};
  EXPECT_THAT(ignored_tokenizer_keys(metadata), ElementsAre(both[0], both[1]));

  SmallVocabulary v = whole_spm();
  v.spec.ignored_keys = ignored_tokenizer_keys(metadata);
  EXPECT_THAT(v.make().warnings(), ElementsAre(HasSubstr(std::string(both[0]) + ", " + both[1])));
}

}  // namespace
}  // namespace lathe
