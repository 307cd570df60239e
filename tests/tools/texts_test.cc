// What comes with a text besides its tokens: everything that whoever asked should know.
#include "tools/jobs/texts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "runtime/gguf/gguf_file.h"
#include "tests/support/source_path.h"
#include "tests/support/temp_dir.h"

namespace lathe {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Texts : public testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) const {
    std::ofstream(dir_.file(name), std::ios::binary) << text;
    return dir_.file(name);
  }
  std::vector<std::string> warnings(TextOptions options, std::size_t n_ctx = 64) const {
    EngineOptions engine;
    engine.n_ctx = n_ctx;
    TextOrigin origin;
    open_text(file_, options, engine, &origin);
    return origin.warnings;
  }

  TempDir dir_;
  GgufFile file_ = GgufFile::open(test::source_path("tests/data/tiny-llama-f16.gguf"));
  std::string words_ = [] {
    std::string text;
    for (int i = 0; i < 3000; ++i) text += "word ";
    return text;
  }();
};

TEST_F(Texts, OrdinaryOnesComeWithoutWarnings) {
  EXPECT_THAT(warnings({.files = {file("a.txt", words_)}}), IsEmpty());
}

TEST_F(Texts, EachFileIsJudgedUnderItsName) {
  const std::string a = file("a.txt", "one\r\n" + words_), b = file("b.txt", "\xE9" + words_);
  EXPECT_THAT(warnings({.files = {a, b}}), ElementsAre(HasSubstr(a + " has 1 line end of Windows"),
                                                       HasSubstr(b + " is no UTF-8")));
}

TEST_F(Texts, ADoubledBosAndATooLongContext) {
  const std::string a = file("a.txt", "<|begin_of_text|>" + words_);
  EXPECT_THAT(warnings({.files = {a}, .parse_special = true}),
              ElementsAre(HasSubstr("it stands twice at the start")));
  EXPECT_THAT(
      warnings({.files = {file("b.txt", words_)}}, 1025),
      ElementsAre(HasSubstr("a context of 1025 tokens, but the model was trained for 1024")));
  EXPECT_THAT(context_warnings(file_.metadata(), 1024), IsEmpty());
}

TEST_F(Texts, TheVocabularyWarningsComeWithEachText) {
  Metadata metadata = file_.metadata();
  metadata.erase("tokenizer.ggml.pre");
  const Tokenizer tokenizer = Tokenizer::from_metadata(metadata);
  EXPECT_THAT(reading_warnings(tokenizer, "a\r\nb", "the prompt"),
              ElementsAre(HasSubstr("no pre-tokenizer"), HasSubstr("the prompt has 1 line end")));
}

}  // namespace
}  // namespace lathe
