// Vocabularies as a broken or hostile file might hold them: each is refused with its own clear
// error.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "runtime/base/error.h"
#include "runtime/gguf/metadata.h"
#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

using test::SmallVocabulary;
using testing::HasSubstr;

template <typename Make>
void expect_bad(const Make& make, const std::string& message) {
  try {
    make();
    ADD_FAILURE() << "accepted; expected: " << message;
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    EXPECT_THAT(error.what(), HasSubstr(message));
    EXPECT_THAT(error.what(), HasSubstr("small"));  // the file is named
  }
}

struct BadSpec {
  const char* name;
  const char* message;
  bool is_bpe;
  std::function<void(SmallVocabulary&)> spoil;
};

const BadSpec kBadSpecs[] = {
    {"NoTokens", "no tokens", false, [](auto& v) { v.spec.tokens.clear(); }},
    {"UnknownModel", "tokenizer model 'unigram' is not supported", false,
     [](auto& v) { v.spec.model = "unigram"; }},
    {"UnknownPreTokenizer", "unknown pre-tokenizer 'mystery', known are: llama-bpe, llama3,", true,
     [](auto& v) { v.spec.pre = "mystery"; }},
    {"EmptyPreTokenizer", "unknown pre-tokenizer ''", true, [](auto& v) { v.spec.pre = ""; }},
    {"DuplicateText", "token 259 has the same text as token 7", false,
     [](auto& v) { v.add("<0x04>"); }},
    {"HugeToken", "token 258 is 1000000 bytes long", true,
     [](auto& v) { v.add(std::string(1000000, 'x')); }},
    {"ScoresTooShort", "tokenizer.ggml.scores has 258 entries for 259 tokens", false,
     [](auto& v) { v.spec.scores->pop_back(); }},
    {"ScoresEmpty", "tokenizer.ggml.scores has 0 entries", false,
     [](auto& v) { v.spec.scores->clear(); }},
    {"ScoreNaN", "the score of token 5 is not a number", false,
     [](auto& v) { (*v.spec.scores)[5] = std::numeric_limits<float>::quiet_NaN(); }},
    {"TypesTooShort", "tokenizer.ggml.token_type has 1 entries for 259 tokens", false,
     [](auto& v) { v.spec.types->resize(1); }},
    {"TypeOutOfRange", "token 9 has type 7, expected 0 to 6", false,
     [](auto& v) { (*v.spec.types)[9] = 7; }},
    {"TypeNegative", "token 9 has type -1", false, [](auto& v) { (*v.spec.types)[9] = -1; }},
    {"ByteTokenNegative", "token 259 is a byte token with the text '<0x-1>'", false,
     [](auto& v) { v.add("<0x-1>", TokenType::kByte); }},
    {"ByteTokenTooLarge", "'<0x100>'", false, [](auto& v) { v.add("<0x100>", TokenType::kByte); }},
    {"ByteTokenNoHex", "'<0xG0>'", false, [](auto& v) { v.add("<0xG0>", TokenType::kByte); }},
    {"ByteTokenNoByte", "is a byte token", false, [](auto& v) { v.add("x", TokenType::kByte); }},
    {"ByteTokenEmpty", "is a byte token", false, [](auto& v) { v.add("", TokenType::kByte); }},
    {"NoMerges", "tokenizer.ggml.merges is missing", true, [](auto& v) { v.spec.merges.reset(); }},
    {"MergeWithoutSpace", "merge 1 is 'ab', expected two texts", true,
     [](auto& v) {
       *v.spec.merges = {"a b", "ab"};
     }},
    {"MergeOnlyALeftPart", "merge 0 is 'a '", true, [](auto& v) { *v.spec.merges = {"a "}; }},
    {"MergeOnlyARightPart", "merge 0 is ' a'", true, [](auto& v) { *v.spec.merges = {" a"}; }},
    {"MergeEmpty", "merge 0 is ''", true, [](auto& v) { *v.spec.merges = {""}; }},
};

class MalformedVocabulary : public testing::TestWithParam<BadSpec> {};

TEST_P(MalformedVocabulary, IsRefusedWithItsReason) {
  SmallVocabulary v = GetParam().is_bpe ? test::small_bpe() : test::small_spm();
  GetParam().spoil(v);
  expect_bad([&] { v.make(); }, GetParam().message);
}

INSTANTIATE_TEST_SUITE_P(All, MalformedVocabulary, testing::ValuesIn(kBadSpecs),
                         [](const auto& test) { return std::string(test.param.name); });

StringList three_tokens() {
  StringList list;
  for (const char* text : {"a", "b", "c"}) list.push_back(text);
  return list;
}

Metadata good_metadata() {
  Metadata metadata("small.gguf");
  metadata.set("tokenizer.ggml.model", Value::text("llama"));
  metadata.set("tokenizer.ggml.tokens", Value::strings(three_tokens()));
  return metadata;
}

void expect_bad_metadata(const char* key, Value value, const std::string& message) {
  Metadata metadata = good_metadata();
  metadata.set(key, std::move(value));
  expect_bad([&] { Tokenizer::from_metadata(metadata); }, message);
}

TEST(MalformedMetadata, GoodMetadataAreAccepted) {
  EXPECT_EQ(Tokenizer::from_metadata(good_metadata()).n_vocab(), 3u);
}

TEST(MalformedMetadata, NothingAtAll) {
  expect_bad([] { Tokenizer::from_metadata(Metadata("small.gguf")); }, "has no vocabulary");
}

TEST(MalformedMetadata, NoTokens) {
  Metadata metadata("small.gguf");
  metadata.set("tokenizer.ggml.model", Value::text("llama"));
  expect_bad([&] { Tokenizer::from_metadata(metadata); }, "tokenizer.ggml.tokens is missing");
}

TEST(MalformedMetadata, WrongElementTypes) {
  const std::vector<std::uint8_t> bytes = {1, 1, 1};
  const std::vector<float> floats = {1, 1, 1};
  const std::vector<std::int32_t> ints = {1, 1, 1};
  using Bytes = std::span<const std::uint8_t>;
  expect_bad_metadata("tokenizer.ggml.scores", Value::array(Bytes(bytes)), "tokenizer.ggml.scores");
  expect_bad_metadata("tokenizer.ggml.scores", Value::array(std::span<const std::int32_t>(ints)),
                      "tokenizer.ggml.scores");
  expect_bad_metadata("tokenizer.ggml.token_type", Value::array(Bytes(bytes)),
                      "tokenizer.ggml.token_type");
  expect_bad_metadata("tokenizer.ggml.token_type", Value::array(std::span<const float>(floats)),
                      "tokenizer.ggml.token_type");
  expect_bad_metadata("tokenizer.ggml.tokens", Value::array(Bytes(bytes)), "tokenizer.ggml.tokens");
  expect_bad_metadata("tokenizer.ggml.merges", Value::array(Bytes(bytes)), "tokenizer.ggml.merges");
}

TEST(MalformedMetadata, WrongScalarTypes) {
  expect_bad_metadata("tokenizer.ggml.model", Value::u32(1), "tokenizer.ggml.model");
  expect_bad_metadata("tokenizer.ggml.bos_token_id", Value::text("1"), "bos_token_id");
  expect_bad_metadata("tokenizer.ggml.eos_token_id", Value::f32(2), "eos_token_id");
  expect_bad_metadata("tokenizer.ggml.add_bos_token", Value::text("yes"), "add_bos_token");
}

TEST(VocabularySpec, EmptyTextsGetAName) {
  SmallVocabulary v = test::small_bpe();
  const Token token = v.add("");
  EXPECT_EQ(v.make().find("[EMPTY_258]"), token);
}

}  // namespace
}  // namespace lathe
