#include "runtime/text/text_stream.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "runtime/base/error.h"
#include "tests/text/small_vocabulary.h"

namespace lathe {
namespace {

const Tokenizer& bytes() {
  static const Tokenizer tokenizer = test::small_bpe().make();
  return tokenizer;
}

Token byte_token(char c) { return static_cast<unsigned char>(c); }

// All that comes out when `text` goes in byte by byte; every part of it must be valid UTF-8.
struct Streamed {
  std::string text;
  bool stopped;
};
Streamed stream(std::string_view text, std::vector<std::string> stops = {}) {
  TextStream out(bytes(), {.special = false, .stops = std::move(stops)});
  std::string all;
  for (const char c : text) {
    const std::string part = out.push(byte_token(c));
    EXPECT_TRUE(is_valid_utf8(part));
    all += part;
  }
  const std::string rest = out.finish();
  EXPECT_TRUE(is_valid_utf8(rest));
  return {all + rest, out.stopped()};
}

TEST(TextStream, NeverSplitsACharacter) {
  TextStream out(bytes());
  EXPECT_EQ(out.push(byte_token('\xF0')), "");
  EXPECT_EQ(out.push(byte_token('\x9F')), "");
  EXPECT_EQ(out.push(byte_token('\xA6')), "");
  EXPECT_EQ(out.push(byte_token('\x99')), "\U0001F999");
  EXPECT_EQ(out.push(byte_token('a')), "a");
  EXPECT_EQ(out.finish(), "");
}

TEST(TextStream, MalformedBytesBecomeReplacementCharacters) {
  EXPECT_EQ(stream("a\xFF"
                   "b")
                .text,
            "a\uFFFD"
            "b");
  EXPECT_EQ(stream("\xF0\x9F\x98z").text, "\uFFFDz");            // one for the unfinished character
  EXPECT_EQ(stream("\xED\xA0\x80").text, "\uFFFD\uFFFD\uFFFD");  // a surrogate
  EXPECT_EQ(stream("x\xE2\x96").text, "x\uFFFD");                // at the end
}

TEST(TextStream, ControlTokensPrintOnlyOnRequest) {
  TextStream quiet(bytes());
  EXPECT_EQ(quiet.push(257), "");
  TextStream loud(bytes(), {.special = true, .stops = {}});
  EXPECT_EQ(loud.push(257), "</s>");
}

TEST(TextStream, HoldsBackWhatMayBecomeAStop) {
  TextStream out(bytes(), {.special = false, .stops = {"END"}});
  EXPECT_EQ(out.push(byte_token('E')), "");
  EXPECT_EQ(out.push(byte_token('N')), "");
  EXPECT_EQ(out.push(byte_token('x')), "ENx");
  EXPECT_EQ(out.push(byte_token('E')), "");
  EXPECT_EQ(out.finish(), "E");
  EXPECT_FALSE(out.stopped());
}

TEST(TextStream, StopsBeforeTheStopString) {
  EXPECT_EQ(stream("abc END def", {"END"}).text, "abc ");
  EXPECT_TRUE(stream("abc END def", {"END"}).stopped);
  EXPECT_EQ(stream("aaab", {"aab"}).text, "a");  // a border inside the match
  EXPECT_EQ(stream("abababc", {"ababc"}).text, "ab");
  EXPECT_EQ(stream("x\u00E9y", {"\u00E9"}).text, "x");
  EXPECT_EQ(stream("abcd", {"bc", "abc"}).text, "");    // both end here: the longer one
  EXPECT_EQ(stream("abcd", {"abcd", "bc"}).text, "a");  // the first to be complete
  EXPECT_EQ(stream("text", {""}).text, "text");
}

TEST(TextStream, AStopInsideOneTokenCutsIt) {
  test::SmallVocabulary v = test::small_bpe();
  v.merge("a", "b");
  v.merge("ab", "c");
  const Tokenizer tokenizer = v.make();
  TextStream out(tokenizer, {.special = false, .stops = {"b"}});
  EXPECT_EQ(out.push(tokenizer.find("abc")), "a");
  EXPECT_TRUE(out.stopped());
  EXPECT_EQ(out.push(byte_token('z')), "");
  EXPECT_EQ(out.finish(), "");
}

TEST(TextStream, RefusesAStopThatCanNeverBeMet) {
  EXPECT_THROW(TextStream(bytes(), {.special = false, .stops = {"\xFF"}}), Error);
}

// Against a search in the whole text, for many texts over few letters.
TEST(TextStream, EqualsASearchInTheWholeText) {
  std::mt19937 random(6);
  const auto word = [&](std::size_t n) {
    std::string text;
    while (text.size() < n) text.push_back("ab"[random() % 2]);
    return text;
  };
  for (int i = 0; i < 3000; ++i) {
    const std::string text = word(random() % 30);
    const std::vector<std::string> stops = {word(1 + random() % 5), word(1 + random() % 5)};
    std::size_t first_end = text.npos, cut = text.size();
    for (const std::string& stop : stops) {
      const std::size_t at = text.find(stop);
      if (at == text.npos) continue;
      const std::size_t end = at + stop.size();
      if (end > first_end) continue;
      cut = end < first_end ? at : std::min(cut, at);
      first_end = end;
    }
    const Streamed result = stream(text, stops);
    ASSERT_EQ(result.text, text.substr(0, cut)) << text << " " << stops[0] << " " << stops[1];
    ASSERT_EQ(result.stopped, first_end != text.npos);
  }
}

}  // namespace
}  // namespace lathe
