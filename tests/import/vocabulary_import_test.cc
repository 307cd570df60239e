// Tokenizer files to vocabularies: small ones made here, and the real ones of shared/, whose token
// ids are compared with those of the reference.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "runtime/gguf/gguf_file.h"
#include "runtime/text/import/base64.h"
#include "runtime/text/import/import_vocabulary.h"
#include "runtime/text/import/readers.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/checkpoint_builder.h"
#include "tests/support/error_of.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe::test {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;

Tokenizer tokenizer_of(const ImportedVocabulary& vocabulary) {
  Metadata metadata("imported");
  vocabulary.put(metadata);
  return Tokenizer::from_metadata(metadata);
}

// As it comes from a file.
nlohmann::json read(const ordered_json& json) { return nlohmann::json::parse(json.dump()); }

std::string text_of(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// ---- the real ones

struct RealCase {
  const char* name;  // of the vocabulary with the reference's ids
  const char* file;  // of shared/tokenizers
  const char* as;    // its name in a checkpoint
  std::uint64_t n_vocab;
};
constexpr RealCase kReal[] = {
    {"llama-spm", "llama2/tokenizer.model", "tokenizer.model", 32000},
    {"llama-bpe", "llama3/tokenizer.model", "tokenizer.model", 128256},
    {"olmo2", "olmo2/allenai_dolma2.json", "tokenizer.json", 100352},
    {"mistral-v3", "mistral/mistral_instruct_tokenizer_240323.model.v3", "tokenizer.model.v3",
     32768},
};

class RealVocabularies : public testing::TestWithParam<RealCase> {};

TEST_P(RealVocabularies, AreThoseOfTheReferenceAndGiveItsIds) {
  const RealCase& c = GetParam();
  const fs::path shared = source_path("../shared/tokenizers");
  const std::string reference = (shared / "ggml-vocab/ggml-vocab-").string() + c.name + ".gguf";
  if (!fs::exists(reference)) GTEST_SKIP() << "shared vocabularies are absent";
  const TempDir dir;
  fs::copy_file(shared / c.file, dir.file(c.as));
  const ImportedVocabulary vocabulary =
      import_vocabulary({.folder = dir.path(), .n_vocab = c.n_vocab});
  const Tokenizer tokenizer = tokenizer_of(vocabulary);

  const Metadata expected = GgufFile::open(reference).metadata();
  EXPECT_EQ(vocabulary.model, expected.text("tokenizer.ggml.model"));
  EXPECT_EQ(vocabulary.pre, expected.text("tokenizer.ggml.pre"));
  const StringList& tokens = *expected.string_array("tokenizer.ggml.tokens");
  ASSERT_EQ(vocabulary.tokens.size(), tokens.size());
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    ASSERT_EQ(vocabulary.tokens[i], tokens[i]) << i;
  }
  if (const auto scores = expected.f32_array("tokenizer.ggml.scores");
      scores && !vocabulary.scores.empty()) {
    EXPECT_TRUE(std::ranges::equal(vocabulary.scores, *scores));
  }

  std::istringstream lines(text_of(reference + ".out"));
  const std::string texts = text_of(reference + ".inp"), separator = "\n__ggml_vocab_test__\n";
  std::size_t n = 0;
  for (std::size_t at = 0; at <= texts.size(); ++n) {
    const std::size_t end = std::min(texts.find(separator, at), texts.size());
    std::string line;
    std::getline(lines, line);
    std::istringstream ids(line);
    EXPECT_EQ(tokenizer.encode(texts.substr(at, end - at), {.add_special = false}),
              std::vector<Token>(std::istream_iterator<Token>(ids), {}));
    at = end + separator.size();
  }
  EXPECT_GT(n, 40U);
}

INSTANTIATE_TEST_SUITE_P(Import, RealVocabularies, testing::ValuesIn(kReal), [](const auto& test) {
  std::string name = test.param.name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
});

TEST(VocabularyImport, EveryVersionOfMistralsSentencePieceIsRead) {
  const fs::path folder = source_path("../shared/tokenizers/mistral");
  if (!fs::exists(folder)) GTEST_SKIP() << "shared vocabularies are absent";
  for (const fs::directory_entry& file : fs::directory_iterator(folder)) {
    const ImportedVocabulary v = read_sentencepiece(text_of(file.path()), file.path().string());
    const Tokenizer tokenizer = tokenizer_of(v);
    EXPECT_EQ(tokenizer.bos(), 1);
    EXPECT_EQ(tokenizer.eos(), 2);
    const std::string text = "Grüße, 世界! \t\n\x01 x = 12345;";
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text)), text) << file.path();
  }
}

// ---- tokenizer.json

TEST(VocabularyImport, ThePreTokenizerIsToldFromItsPattern) {
  const auto with = [](const std::function<void(ordered_json&)>& change) {
    ordered_json json = small_tokenizer(300);
    change(json);
    return read_tokenizer_json(read(json), "x", "").pre;
  };
  EXPECT_EQ(with([](auto&) {}), "llama-bpe");
  // A whole token taken first or merged: no difference here, where every token can be merged.
  EXPECT_EQ(with([](auto& j) { j["model"]["ignore_merges"] = false; }), "llama-bpe");
  EXPECT_EQ(with([](auto& j) {
              j["model"]["ignore_merges"] = false;
              j["post_processor"] = nullptr;
            }),
            "dbrx");
  EXPECT_EQ(with([](auto& j) {
              j["model"]["ignore_merges"] = false;
              j["pre_tokenizer"] = {{"type", "ByteLevel"}, {"add_prefix_space", false}};
            }),
            "gpt-2");
  EXPECT_EQ(with([](auto& j) {
              j["model"]["ignore_merges"] = false;
              j["pre_tokenizer"]["pretokenizers"] = {
                  {{"type", "Digits"}, {"individual_digits", true}},
                  {{"type", "ByteLevel"}, {"add_prefix_space", false}}};
            }),
            "smollm");
}

TEST(VocabularyImport, APatternThatIsNotKnownIsShownAndCanBeNamed) {
  ordered_json json = small_tokenizer(300);
  json["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = R"(\p{Han}+|x)";
  const nlohmann::json parsed = read(json);
  EXPECT_THAT(message_of([&] { read_tokenizer_json(parsed, "x", ""); }, ErrorKind::kBadInput),
              testing::AllOf(HasSubstr(R"(\p{Han}+|x)"), HasSubstr("--pre"), HasSubstr("tekken")));
  EXPECT_EQ(read_tokenizer_json(parsed, "x", "qwen2").pre, "qwen2");
  EXPECT_THAT(message_of([&] { read_tokenizer_json(parsed, "x", "none"); }, ErrorKind::kUsage),
              HasSubstr("'none'"));
}

TEST(VocabularyImport, WhatLatheWouldDoOtherwiseIsRefused) {
  const std::pair<std::function<void(ordered_json&)>, const char*> wrong[] = {
      {[](auto& j) { j["model"]["type"] = "Unigram"; }, "Unigram"},
      {[](auto& j) { j["model"]["merges"] = {"ab"}; }, "two texts"},
      {[](auto& j) { j["model"]["end_of_word_suffix"] = "</w>"; }, "end_of_word_suffix"},
      {[](auto& j) { j["model"]["vocab"]["new"] = 5; }, "another's id"},
      {[](auto& j) { j["model"]["vocab"]["new"] = 1000000000; }, "at most"},
      {[](auto& j) {
         j["normalizer"] = {{"type", "Lowercase"}};
       },
       "normalized"},
      {[](auto& j) {
         j["pre_tokenizer"] = {{"type", "Whitespace"}};
       },
       "'Whitespace'"},
      {[](auto& j) { j.erase("model"); }, "\"model\" is missing"},
  };
  for (const auto& [change, message] : wrong) {
    ordered_json json = small_tokenizer(300);
    change(json);
    EXPECT_THAT(message_of([&] { read_tokenizer_json(read(json), "x", ""); }, ErrorKind::kBadInput),
                HasSubstr(message));
  }
}

// Llama 2's form: scores follow from the ranks of merges.
TEST(VocabularyImport, SentencePieceInTokenizerJson) {
  const nlohmann::json json = nlohmann::json::parse(R"({
    "added_tokens": [{"id": 0, "content": "<unk>", "special": true},
                     {"id": 1, "content": "<s>", "special": true}],
    "normalizer": {"type": "Sequence", "normalizers": [
      {"type": "Prepend", "prepend": "▁"},
      {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]},
    "pre_tokenizer": null,
    "post_processor": {"type": "TemplateProcessing", "single": [
      {"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
    "model": {"type": "BPE", "byte_fallback": true, "unk_token": "<unk>", "vocab": {
      "<unk>": 0, "<s>": 1, "<0x0A>": 2, "▁": 3, "a": 4, "b": 5, "c": 6,
      "bc": 7, "ab": 8, "▁a": 9}, "merges": ["b c", "a b", "▁ a"]}})");
  const ImportedVocabulary v = read_tokenizer_json(json, "x", "");
  EXPECT_EQ(v.model, "llama");
  EXPECT_EQ(v.types[0], TokenType::kUnknown);
  EXPECT_EQ(v.types[1], TokenType::kControl);
  EXPECT_EQ(v.types[2], TokenType::kByte);
  EXPECT_EQ(v.add_bos, true);
  EXPECT_FALSE(v.add_space_prefix.has_value());
  // "b c" comes first, so "abc" is not "ab c".
  EXPECT_THAT(tokenizer_of(v).encode("abc\n", {.add_special = false}), ElementsAre(9, 7, 2));
}

// Tokens that other files of the folder say more of than the SentencePiece model does.
TEST(VocabularyImport, TokensBesideTheSentencePieceModel) {
  const fs::path model = source_path("../shared/tokenizers/llama2/tokenizer.model");
  if (!fs::exists(model)) GTEST_SKIP() << "shared vocabularies are absent";
  const TempDir dir;
  fs::copy_file(model, dir.file("tokenizer.model"));
  write_text(dir.file("added_tokens.json"), R"({"<|im_end|>": 32000, "▁more": 32001})");
  write_text(dir.file("tokenizer_config.json"),
             R"({"add_bos_token": false, "eos_token": "<|im_end|>",
    "added_tokens_decoder": {"0": {"content": "<unk>", "special": true},
                             "400": {"content": "ht", "special": true},
                             "1724": {"content": "▁What", "special": false}}})");
  const ImportedVocabulary v = import_vocabulary({.folder = dir.path(), .n_vocab = 32064});
  EXPECT_EQ(v.types[0], TokenType::kUnknown);
  EXPECT_EQ(v.tokens[400], "ht");
  EXPECT_EQ(v.types[400], TokenType::kControl);
  EXPECT_EQ(v.tokens[1724], " What");
  EXPECT_EQ(v.types[1724], TokenType::kUserDefined);
  EXPECT_EQ(v.types[32000], TokenType::kControl);
  EXPECT_EQ(v.tokens[32001], " more");
  EXPECT_EQ(v.types[32001], TokenType::kUserDefined);
  EXPECT_EQ(v.tokens[32002], "[PAD32002]");
  EXPECT_EQ(v.special_ids.at("eos"), 32000U);
  EXPECT_EQ(v.special_ids.at("bos"), 1U);
  EXPECT_EQ(v.add_bos, false);
}

// ---- the others

TEST(VocabularyImport, TekkenIsCutToTheModelsSize) {
  ordered_json json = {{"config",
                        {{"pattern", ""},
                         {"num_vocab_tokens", 259},
                         {"default_vocab_size", 278},
                         {"default_num_special_tokens", 20}}},
                       {"vocab", ordered_json::array()}};
  json["config"]["pattern"] =
      R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
  const char* const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto add = [&](const std::string& base64) {
    json["vocab"].push_back({{"rank", json["vocab"].size()}, {"token_bytes", base64}});
  };
  for (int byte = 0; byte < 256; ++byte) {
    add({digits[byte >> 2], digits[(byte & 3) << 4], '=', '='});
  }
  add("aGU=");  // he
  add("dGhl");  // the
  add("b25l");  // one: beyond the model
  const ImportedVocabulary v = read_tekken(read(json), "x", 0);
  ASSERT_EQ(v.tokens.size(), 278U);
  EXPECT_EQ(v.tokens[3], "[INST]");
  EXPECT_EQ(v.tokens[19], "[TOOL_CONTENT]");
  EXPECT_EQ(v.tokens[20 + 257], "the");
  EXPECT_THAT(v.merges, ElementsAre("h e", "t he"));
  EXPECT_EQ(v.pre, "tekken");
  const Tokenizer tokenizer = tokenizer_of(v);
  EXPECT_THAT(tokenizer.encode("the"), ElementsAre(1, 277));
  json["vocab"][7]["rank"] = 8;
  EXPECT_THAT(message_of([&] { read_tekken(read(json), "x", 0); }, ErrorKind::kBadInput),
              HasSubstr("expected the rank 7"));
}

TEST(VocabularyImport, Base64) {
  std::string bytes;
  EXPECT_TRUE(decode_base64("", bytes));
  EXPECT_TRUE(decode_base64("AP8Q", bytes));
  EXPECT_EQ(bytes, std::string("\0\xFF\x10", 3));
  EXPECT_TRUE(decode_base64("YQ==", bytes));
  EXPECT_EQ(bytes, "a");
  for (const char* wrong : {"YQ=", "YQ", "Y===", "YR==", "Y Q=", "===="}) {
    EXPECT_FALSE(decode_base64(wrong, bytes)) << wrong;
  }
}

// Protobuf: every cut of a small model is refused or read, never more.
TEST(VocabularyImport, SentencePieceFieldsThatAreCutOff) {
  const auto piece = [](const std::string& text, float score, char type) {
    std::string inside = std::string("\x0A") + static_cast<char>(text.size()) + text + "\x15";
    inside.append(reinterpret_cast<const char*>(&score), 4);
    inside += std::string("\x18") + type;
    return std::string("\x0A") + static_cast<char>(inside.size()) + inside;
  };
  const std::string model = piece("<unk>", 0, 2) + piece("<s>", 0, 3) + piece("a", -1, 1) +
                            piece("<0x0A>", 0, 6) + std::string("\x12\x02\x18\x02", 4) +
                            std::string("\x1A\x04\x18\x00\x20\x00", 6);
  const ImportedVocabulary v = read_sentencepiece(model, "x");
  EXPECT_THAT(v.tokens, ElementsAre("<unk>", "<s>", "a", "<0x0A>"));
  EXPECT_THAT(v.types, ElementsAre(TokenType::kUnknown, TokenType::kControl, TokenType::kNormal,
                                   TokenType::kByte));
  EXPECT_EQ(v.scores[2], -1.0f);
  EXPECT_EQ(v.add_space_prefix, false);
  for (std::size_t n = 0; n < model.size(); ++n) {
    try {
      EXPECT_LE(read_sentencepiece(model.substr(0, n), "x").tokens.size(), 4U);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    }
  }
  const auto refusal = [&](const std::string& more) {
    return message_of([&] { read_sentencepiece(model + more, "x"); }, ErrorKind::kBadInput);
  };
  EXPECT_THAT(refusal(std::string("\x12\x02\x18\x01", 4)), HasSubstr("no BPE"));
  EXPECT_THAT(refusal(std::string("\x1A\x02\x20\x01", 4)), HasSubstr("normalizes"));
  EXPECT_THAT(refusal(piece("a", 0, 9)), HasSubstr("the type 9"));
  EXPECT_THAT(refusal(piece("<0xZZ>", 0, 6)), HasSubstr("names no byte"));
  EXPECT_THAT(refusal(std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01", 11)),
              HasSubstr("cut off"));
}

}  // namespace
}  // namespace lathe::test
