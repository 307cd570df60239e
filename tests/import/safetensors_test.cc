// Safetensors headers, right ones and every kind of wrong one.
#include "runtime/checkpoint/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/support/error_of.h"
#include "tests/support/safetensors_builder.h"

namespace lathe::test {
namespace {

using testing::HasSubstr;

SafetensorsBuilder two_tensors() {
  SafetensorsBuilder b;
  b.add("b", "BF16", {2, 3}, std::vector<std::uint8_t>(12));
  b.add("a", "F32", {4}, std::vector<std::uint8_t>(16));
  return b;
}

std::string refusal(const std::vector<std::uint8_t>& bytes) {
  return message_of([&] { parse_safetensors(bytes, "x"); }, ErrorKind::kBadInput);
}

TEST(Safetensors, TensorsInTheOrderOfTheirData) {
  SafetensorsBuilder b = two_tensors();
  b.header["__metadata__"] = {{"format", "pt"}};
  const auto bytes = b.build();
  const auto entries = parse_safetensors(bytes, "x");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].name, "b");
  EXPECT_EQ(entries[0].dims, (std::vector<std::uint64_t>{2, 3}));
  EXPECT_EQ(entries[0].format(), Format::BF16);
  EXPECT_EQ(entries[0].n_bytes, 12U);
  EXPECT_EQ(entries[1].format(), Format::F32);
  EXPECT_EQ(entries[1].offset + 16, bytes.size());
}

TEST(Safetensors, LengthsOfTheHeader) {
  EXPECT_THAT(refusal({1, 2, 3}), HasSubstr("its length"));
  EXPECT_THAT(refusal(std::vector<std::uint8_t>(8)), HasSubstr("no safetensors file"));
  std::vector<std::uint8_t> bytes = two_tensors().build();
  bytes[4] = 1;  // 4 GB
  EXPECT_THAT(refusal(bytes), HasSubstr("no safetensors file"));
  bytes[4] = 0;
  bytes[2] = 1;  // beyond the file
  EXPECT_THAT(refusal(bytes), HasSubstr("its text"));
}

TEST(Safetensors, HeadersThatAreNoneOrSayWhatCannotBe) {
  const SafetensorsBuilder data = two_tensors();
  const std::pair<const char*, const char*> wrong[] = {
      {"[]", "no safetensors file"},
      {"{", "no valid JSON"},
      {R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,28]},"a":{}})", "stands twice"},
      {R"({"a":{"dtype":"F32","shape":[7]}})", "data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,28],"more":1}})", "unknown key"},
      {R"({"a":{"dtype":"F31","shape":[7],"data_offsets":[0,28]}})", "'F31'"},
      {R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,29]}})", "at most 28"},
      {R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[28,0]}})", "end before"},
      {R"({"a":{"dtype":"F32","shape":[7],"data_offsets":[0,27]}})", "27 bytes of data"},
      {R"({"a":{"dtype":"F32","shape":[-7],"data_offsets":[0,28]}})", "whole number"},
      {R"({"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,28]}})",
       "overflows"},
      {R"({"a":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", "whole bytes"},
      {R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})", "too many"},
      {R"({"a":{"dtype":"F32","shape":[6],"data_offsets":[0,24]}})", "its tensors take 24"},
      {R"({"a":{"dtype":"F32","shape":[6],"data_offsets":[4,28]}})", "starts at byte 4"},
      {R"({"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},)"
       R"("b":{"dtype":"F32","shape":[4],"data_offsets":[12,28]}})",
       "expected 16"},
  };
  for (const auto& [header, message] : wrong) {
    EXPECT_THAT(refusal(data.with_header(header)), HasSubstr(message)) << header;
  }
  std::string deep = R"({"a":)";
  for (int i = 0; i < 100000; ++i) deep += '[';
  EXPECT_THAT(refusal(data.with_header(deep)), HasSubstr("nested too deeply"));
}

}  // namespace
}  // namespace lathe::test
