// Token ids of real vocabularies against the ids of the reference: pairs of .inp (texts) and .out
// (ids), and golden/tokenize.json. The vocabularies are others' and stay outside the repository.
#include <fmt/core.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "runtime/gguf/gguf_file.h"
#include "runtime/text/tokenizer.h"
#include "tests/support/source_path.h"

namespace lathe {
namespace {

namespace fs = std::filesystem;

const fs::path kVocabularies = fs::path(test::source_path("../shared/tokenizers/ggml-vocab"));

std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<std::string> split_at(const std::string& text, const std::string& separator) {
  std::vector<std::string> parts;
  std::size_t start = 0;
  for (std::size_t at; (at = text.find(separator, start)) != text.npos;) {
    parts.push_back(text.substr(start, at - start));
    start = at + separator.size();
  }
  parts.push_back(text.substr(start));
  return parts;
}

std::vector<Token> parse_ids(const std::string& line) {
  std::istringstream in(line);
  return {std::istream_iterator<Token>(in), {}};
}

Tokenizer load(const fs::path& path) {
  return Tokenizer::from_metadata(GgufFile::open(path.string()).metadata());
}

class GoldenIds : public testing::TestWithParam<const char*> {};

TEST_P(GoldenIds, TextsGiveTheReferenceIds) {
  const fs::path vocabulary = kVocabularies / fmt::format("ggml-vocab-{}.gguf", GetParam());
  if (!fs::exists(vocabulary)) GTEST_SKIP() << "shared vocabulary is absent: " << GetParam();
  const Tokenizer tokenizer = load(vocabulary);
  const auto texts = split_at(read_text(vocabulary.string() + ".inp"), "\n__ggml_vocab_test__\n");
  const auto lines = split_at(read_text(vocabulary.string() + ".out"), "\n");
  ASSERT_GT(texts.size(), 40u);
  ASSERT_GE(lines.size(), texts.size());
  for (std::size_t i = 0; i < texts.size(); ++i) {
    EXPECT_EQ(tokenizer.encode(texts[i], {.add_special = false}), parse_ids(lines[i]))
        << "text " << i << ": " << texts[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Vocabularies, GoldenIds,
                         testing::Values("llama-spm", "llama-bpe", "gpt-2", "olmo2", "mistral-v3"),
                         [](const auto& test) {
                           std::string name = test.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(GoldenIds, OptionsGiveTheReferenceIds) {
  std::ifstream file(fs::path(test::source_path("tests/golden/tokenize.json")));
  const nlohmann::json golden = nlohmann::json::parse(file);
  std::size_t n_checked = 0;
  for (const auto& [name, vocabulary] : golden.items()) {
    const fs::path path = kVocabularies / vocabulary["vocab_file"].get<std::string>();
    if (!fs::exists(path)) continue;
    const Tokenizer tokenizer = load(path);
    for (const auto& test : vocabulary["cases"]) {
      const auto text = test["text"].get<std::string>();
      const EncodeOptions options = {.add_special = test["add_special"].get<bool>(),
                                     .parse_special = test["parse_special"].get<bool>()};
      EXPECT_EQ(tokenizer.encode(text, options), test["ids"].get<std::vector<Token>>())
          << name << ", parse_special " << options.parse_special << ": " << text;
      ++n_checked;
    }
  }
  if (n_checked == 0) GTEST_SKIP() << "shared vocabularies are absent";
  EXPECT_GT(n_checked, 200u);
}

}  // namespace
}  // namespace lathe
