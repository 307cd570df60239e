// Texts as they come: plain, compressed, as JSON lines.
#include "runtime/text/text_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zstd.h>

#include "runtime/base/error.h"

namespace lathe {
namespace {

std::string compressed(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

std::string refusal(const std::string& bytes, const std::string& path) {
  try {
    text_of_file(bytes, path);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    return error.what();
  }
  ADD_FAILURE() << "no error";
  return {};
}

std::string long_text() {
  std::string text;
  for (int i = 0; i < 100000; ++i) text += std::to_string(i * 7919 % 10007) + " ";
  return text;
}

TEST(TextFile, PlainTextStaysAsItIs) {
  for (const char* text : {"", "one", "{\"text\": \"a\"}\n"}) {
    EXPECT_EQ(text_of_file(text, "a.txt"), text);
  }
}

TEST(TextFile, ZstdIsToldByContent) {
  const std::string text = long_text();
  EXPECT_EQ(text_of_file(compressed(text), "a.txt"), text);
  EXPECT_EQ(text_of_file(compressed("one ") + compressed("two"), "a.zst"), "one two");
  EXPECT_EQ(text_of_file(compressed(""), "a.zst"), "");
}

TEST(TextFile, DamagedZstdIsRefused) {
  std::string bytes = compressed(long_text());
  EXPECT_THAT(refusal(bytes.substr(0, bytes.size() / 2), "a.zst"), testing::HasSubstr("cut off"));
  EXPECT_THAT(refusal(bytes.substr(0, 5), "a.zst"), testing::HasSubstr("a.zst: zstd"));
  EXPECT_THAT(refusal(bytes + "more", "a.zst"), testing::HasSubstr("zstd"));
  bytes[bytes.size() / 2] = static_cast<char>(~bytes[bytes.size() / 2]);
  bytes[bytes.size() / 2 + 1] = static_cast<char>(~bytes[bytes.size() / 2 + 1]);
  const std::string text = long_text();
  try {
    EXPECT_NE(text_of_file(bytes, "a.zst"), text);  // without a checksum it may go unseen
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
  }
}

TEST(TextFile, JsonLinesGiveTheirTexts) {
  const std::string lines =
      "{\"text\": \"one\\ntwo\", \"id\": 3}\n\n  \n{\"content\": \"three\\n\"}\r\n{\"text\":\"\"}";
  EXPECT_EQ(text_of_file(lines, "a.jsonl"), "one\ntwo\nthree\n");
  EXPECT_EQ(text_of_file(compressed(lines), "a.jsonl.zst"), "one\ntwo\nthree\n");
}

TEST(TextFile, LinesThatAreNoDocumentsAreNamed) {
  for (const char* bad : {"[1]", "{", "{\"text\": 3}", "{\"other\": \"a\"}", "text"}) {
    EXPECT_THAT(
        refusal(std::string("{\"text\": \"a\"}\n") + bad + "\n", "a.jsonl"),
        testing::AllOf(testing::HasSubstr("a.jsonl, line 2"), testing::HasSubstr("\"text\"")));
  }
}

TEST(TextFile, ParquetIsRefusedWithAdvice) {
  EXPECT_THAT(refusal("PAR1....PAR1", "a.parquet"), testing::HasSubstr("read_parquet"));
}

}  // namespace
}  // namespace lathe
