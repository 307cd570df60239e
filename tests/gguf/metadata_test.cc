// Typed access: liberal with integers, strict with everything else, and never silent.
#include "runtime/gguf/metadata.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/base/error.h"
#include "runtime/gguf/gguf_file.h"
#include "tests/support/gguf_builder.h"

namespace lathe {
namespace {

using testing::ElementsAre;

template <typename Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kBadInput);
    return error.what();
  }
  return "no error";
}

template <typename T>
void expect_reads_as_7(const Metadata& m, T v) {
  Metadata copy = m;
  copy.set("k", Value::scalar<T>(v));
  EXPECT_EQ(copy.uint("k"), 7U);
  EXPECT_EQ(copy.integer("k"), 7);
  EXPECT_EQ(copy.require_uint("k", 1, 10), 7U);
}

TEST(Metadata, AnyIntegerTypeIsAnInteger) {
  const Metadata m("f.gguf");
  expect_reads_as_7<std::uint8_t>(m, 7);
  expect_reads_as_7<std::int8_t>(m, 7);
  expect_reads_as_7<std::uint16_t>(m, 7);
  expect_reads_as_7<std::int16_t>(m, 7);
  expect_reads_as_7<std::uint32_t>(m, 7);
  expect_reads_as_7<std::int32_t>(m, 7);
  expect_reads_as_7<std::uint64_t>(m, 7);
  expect_reads_as_7<std::int64_t>(m, 7);
}

TEST(Metadata, AbsentKeysAreNothing) {
  const Metadata m("f.gguf");
  EXPECT_FALSE(m.uint("k"));
  EXPECT_FALSE(m.real("k"));
  EXPECT_FALSE(m.boolean("k"));
  EXPECT_FALSE(m.text("k"));
  EXPECT_FALSE(m.f32_array("k"));
  EXPECT_FALSE(m.uint_list("k"));
  EXPECT_EQ(m.string_array("k"), nullptr);
  EXPECT_EQ(message_of([&] { m.require_uint("k", 1, 512); }),
            "f.gguf: key 'k': is missing, expected an integer from 1 to 512");
  EXPECT_EQ(message_of([&] { m.require_text("k"); }),
            "f.gguf: key 'k': is missing, expected a string");
  EXPECT_EQ(message_of([&] { m.require_real("k"); }),
            "f.gguf: key 'k': is missing, expected a number (f32)");
}

TEST(Metadata, WrongKindsAreNamed) {
  Metadata m("f.gguf");
  m.set("text", Value::text("yes"));
  m.set("minus", Value::i32(-5));
  m.set("real", Value::f32(1.5F));
  m.set("list", Value::array<std::uint32_t>(std::vector<std::uint32_t>{1, 2}));
  m.set("huge", Value::u64(~std::uint64_t{0}));
  EXPECT_EQ(message_of([&] { m.uint("text"); }),
            "f.gguf: key 'text': expected an integer of 0 or more, found string 'yes'");
  EXPECT_EQ(message_of([&] { m.uint("minus"); }),
            "f.gguf: key 'minus': expected an integer of 0 or more, found i32 -5");
  EXPECT_EQ(message_of([&] { m.require_uint("real", 1, 9); }),
            "f.gguf: key 'real': expected an integer from 1 to 9, found f32 1.5");
  EXPECT_EQ(message_of([&] { m.require_uint("huge", 1, 9); }),
            "f.gguf: key 'huge': expected an integer from 1 to 9, found u64 18446744073709551615");
  EXPECT_EQ(message_of([&] { m.integer("huge"); }),
            "f.gguf: key 'huge': expected an integer, found u64 18446744073709551615");
  EXPECT_EQ(message_of([&] { m.boolean("minus"); }),
            "f.gguf: key 'minus': expected a bool, found i32 -5");
  EXPECT_EQ(message_of([&] { m.text("list"); }),
            "f.gguf: key 'list': expected a string, found array of u32");
  EXPECT_EQ(message_of([&] { m.real("minus"); }),
            "f.gguf: key 'minus': expected a number (f32), found i32 -5");
}

// ll PR 26690, 24888: an array of u8 was read as f32 and as i32, beyond its end.
TEST(Metadata, ArrayElementTypesAreChecked) {
  GgufBuilder b;
  b.kv_array<std::uint8_t>("scores", {1, 2, 3}).kv_array<std::int32_t>("types", {1, -2});
  b.kv_strings("tokens", {"a", "", "bc"}).kv_array<float>("floats", {0.5F});
  const GgufFile file = GgufFile::from_bytes(b.build(), "v.gguf");
  const Metadata& m = file.metadata();
  EXPECT_EQ(message_of([&] { m.f32_array("scores"); }),
            "v.gguf: key 'scores': expected an array of f32, found array of u8");
  EXPECT_EQ(message_of([&] { m.i32_array("scores"); }),
            "v.gguf: key 'scores': expected an array of i32, found array of u8");
  EXPECT_EQ(message_of([&] { m.u32_array("types"); }),
            "v.gguf: key 'types': expected an array of u32, found array of i32");
  EXPECT_EQ(message_of([&] { m.string_array("types"); }),
            "v.gguf: key 'types': expected an array of string, found array of i32");
  EXPECT_EQ(message_of([&] { m.i32_array("tokens"); }),
            "v.gguf: key 'tokens': expected an array of i32, found array of string");
  EXPECT_THAT(*m.i32_array("types"), ElementsAre(1, -2));
  EXPECT_THAT(*m.f32_array("floats"), ElementsAre(0.5F));
  const StringList& tokens = *m.string_array("tokens");
  EXPECT_EQ(tokens.size(), 3U);
  EXPECT_EQ(tokens[0], "a");
  EXPECT_EQ(tokens[1], "");
  EXPECT_EQ(tokens[2], "bc");
}

TEST(Metadata, IntegerListsTakeScalarsAndArrays) {
  Metadata m("f.gguf");
  m.set("one", Value::u32(8));
  m.set("signed", Value::array<std::int32_t>(std::vector<std::int32_t>{4, 0, 9}));
  m.set("bools", Value::array<bool>(std::array<bool, 2>{true, false}));
  m.set("minus", Value::array<std::int32_t>(std::vector<std::int32_t>{4, -1}));
  m.set("floats", Value::array<float>(std::vector<float>{1}));
  EXPECT_THAT(*m.uint_list("one"), ElementsAre(8));
  EXPECT_THAT(*m.uint_list("signed"), ElementsAre(4, 0, 9));
  EXPECT_THAT(*m.uint_list("bools"), ElementsAre(1, 0));
  EXPECT_THAT(message_of([&] { m.uint_list("minus"); }), testing::HasSubstr("found i32 -1"));
  EXPECT_THAT(message_of([&] { m.uint_list("floats"); }), testing::HasSubstr("found array of f32"));
}

TEST(Metadata, KeepsTheOrderOfKeys) {
  Metadata m;
  for (const char* key : {"c", "a", "b", "d"}) m.set(key, Value::u32(1));
  EXPECT_TRUE(m.erase("a"));
  EXPECT_FALSE(m.erase("a"));
  m.set("c", Value::u32(2));
  m.set("a", Value::u32(3));
  std::string order;
  for (const MetadataEntry& entry : m) order += entry.key;
  EXPECT_EQ(order, "cbda");
  EXPECT_EQ(m.uint("c"), 2U);
  EXPECT_EQ(m.uint("b"), 1U);
  EXPECT_EQ(m.uint("d"), 1U);
  EXPECT_EQ(m.uint("a"), 3U);
}

TEST(Metadata, BytesOfMessagesAreSafe) {
  Metadata m("f.gguf");
  m.set("esc\x1b[2J", Value::text(std::string("\0\n", 2)));
  EXPECT_EQ(
      message_of([&] { m.uint("esc\x1b[2J"); }),
      "f.gguf: key 'esc\\x1b[2J': expected an integer of 0 or more, found string '\\x00\\x0a'");
}

}  // namespace
}  // namespace lathe
