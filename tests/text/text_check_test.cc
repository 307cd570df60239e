// What is said about a text before a model reads it: each kind of odd text once, and nothing about
// ordinary ones.
#include "runtime/text/text_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using namespace std::string_view_literals;

std::string wide(std::string_view ascii, std::size_t width, bool little, std::string text = {}) {
  for (const char c : ascii) {
    std::string unit(width, '\0');
    (little ? unit.front() : unit.back()) = c;
    text += unit;
  }
  return text;
}

TEST(TextWarnings, OrdinaryTextsHaveNone) {
  for (const std::string_view text :
       {"a"sv, "One line.\nAnother\r one.\n"sv, "\u00e9t\u00e9 \u65e5\u672c \U0001F600"sv,
        "\t \n"sv, "\uFEFFx"sv.substr(3)}) {
    EXPECT_THAT(text_warnings(text, "a.txt"), IsEmpty()) << text;
  }
}

TEST(TextWarnings, AnEmptyTextIsSaidToBeEmpty) {
  EXPECT_THAT(text_warnings("", "a.txt"), ElementsAre("a.txt is empty"));
}

TEST(TextWarnings, WideEncodingsAreToldByMarkAndByZeros) {
  const std::string_view words = "This is a text in wide characters.\n";
  EXPECT_THAT(text_warnings(wide(words, 2, true, "\xFF\xFE"), "a.txt"),
              ElementsAre(AllOf(HasSubstr("a.txt looks like UTF-16,"),
                                HasSubstr("iconv -f UTF-16 -t UTF-8"))));
  EXPECT_THAT(text_warnings(wide(words, 2, false, "\xFE\xFF"), ""),
              ElementsAre(HasSubstr("UTF-16,")));
  EXPECT_THAT(text_warnings(wide(words, 2, true), ""), ElementsAre(HasSubstr("-f UTF-16LE")));
  EXPECT_THAT(text_warnings(wide(words, 2, false), ""), ElementsAre(HasSubstr("-f UTF-16BE")));
  EXPECT_THAT(text_warnings(wide(words, 4, true, std::string("\xFF\xFE\0\0"sv)), ""),
              ElementsAre(HasSubstr("-f UTF-32 ")));
}

TEST(TextWarnings, ZeroBytesAndBytesThatAreNoUtf8AreCounted) {
  EXPECT_THAT(text_warnings("one\0two\0\0"sv, "a"), ElementsAre(HasSubstr("3 zero bytes")));
  EXPECT_THAT(text_warnings("caf\xE9 au lait, d\xE9j\xE0 vu", "a"),
              ElementsAre(AllOf(HasSubstr("no UTF-8: 3 places, the first at byte 3 (0xE9)"),
                                HasSubstr("ISO-8859-1"))));
  EXPECT_THAT(text_warnings("\xC3", "a"), ElementsAre(HasSubstr("1 place, the first at byte 0")));
}

TEST(TextWarnings, MarksAndLineEndsOfWindows) {
  EXPECT_THAT(text_warnings("\xEF\xBB\xBFone\r\ntwo\r\n", "a"),
              ElementsAre(HasSubstr("byte order mark"), HasSubstr("2 line ends of Windows")));
}

TEST(EncodingWarnings, ATokenThatIsThereAndAddedTooIsNamed) {
  test::SmallVocabulary v = test::small_bpe("llama-bpe");
  v.spec.add_eos = true;
  const Tokenizer tokenizer = v.make();
  const EncodeOptions parse{.parse_special = true};
  EXPECT_THAT(encoding_warnings(tokenizer, "<s>one</s>", "the prompt", parse),
              ElementsAre("the prompt begins with '<s>', and the vocabulary adds it too: it stands "
                          "twice at the start",
                          HasSubstr("ends with '</s>'")));
  EXPECT_EQ(tokenizer.encode("<s>", parse).size(), 3u);  // as it says: twice, and the end
  EXPECT_THAT(encoding_warnings(tokenizer, "<s>one", "the prompt", {}),
              ElementsAre(HasSubstr("read as letters")));
  EXPECT_THAT(encoding_warnings(tokenizer, "one <s> two", "", parse), IsEmpty());
  EXPECT_THAT(encoding_warnings(tokenizer, "<s>", "", {.add_special = false}), IsEmpty());
}

TEST(EncodingWarnings, NothingIsSaidWhereNothingIsAdded) {
  EXPECT_THAT(encoding_warnings(test::small_bpe("dbrx").make(), "<s>one</s>", "", {}), IsEmpty());
}

}  // namespace
}  // namespace lathe
