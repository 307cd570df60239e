// Malformed files, part 2: keys and values.
#include "tests/gguf/malformed.h"

namespace lathe {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

// A value of type array whose header is given and whose data are `n_bytes` zeros.
Bytes array_file(std::uint32_t element, std::uint64_t length, std::size_t n_bytes = 64) {
  ByteSink body;
  body.u32(element).u64(length);
  body.bytes.resize(body.bytes.size() + n_bytes);
  return GgufBuilder().kv_raw("list", 9, body).build();
}

Bytes text_file(std::uint64_t length, std::size_t n_bytes) {
  ByteSink body;
  body.u64(length);
  body.bytes.resize(body.bytes.size() + n_bytes);
  return GgufBuilder().kv_raw("text", 8, body).build();
}

Bytes alignment_file(std::uint32_t alignment) {
  return GgufBuilder()
      .kv<std::uint32_t>("general.alignment", alignment)
      .f32_tensor("t", {8})
      .build();
}

const MalformedFile kMetadata[] = {
    {"EmptyKey",
     [] { return GgufBuilder().kv<std::uint64_t>("", 1).kv<std::uint64_t>("b", 2).build(); },
     "key 1 of 2: the key is empty"},
    {"DuplicateKey",
     [] { return GgufBuilder().kv<std::uint32_t>("a.b", 1).kv_text("a.b", "again").build(); },
     "at byte 43: key 'a.b': the key occurs twice"},
    {"KeyLengthBeyondTheFile",
     [] { return GgufBuilder().key_bytes(ByteSink().u64(500).raw("abcdefgh")).build(); },
     "the key has a length of 500 bytes, but only 8 bytes remain"},
    {"KeyLengthThatWraps",
     [] {
       return GgufBuilder()
           .key_bytes(ByteSink().u64(~std::uint64_t{0} - 7).raw("abcdefgh"))
           .build();
     },
     "the key has a length of 18446744073709551608 bytes"},
    {"KeyTooLong", [] { return GgufBuilder().kv<bool>(std::string(70000, 'k'), true).build(); },
     "the key has a length of 70000 bytes, at most 65535 are accepted"},
    {"UnknownValueType", [] { return GgufBuilder().kv_raw("k", 13, ByteSink().u64(0)).build(); },
     "key 'k': the value type 13 is unknown, expected 0 to 12"},
    {"NegativeValueType",
     [] { return GgufBuilder().kv_raw("k", 0xffffffff, ByteSink().u64(0)).build(); },
     "the value type 4294967295 is unknown"},
    {"UnknownElementType", [] { return array_file(99, 1); },
     "key 'list': the array's element type 99 is unknown, expected 0 to 12"},
    {"ArrayOfArrays", [] { return array_file(9, 1); }, "an array of arrays is not allowed"},
    // CVE-2024-23496: length + 1 wraps to 0, the copy then runs over the heap.
    {"TextLengthThatWraps", [] { return text_file(~std::uint64_t{0}, 100); },
     "the string has a length of 18446744073709551615 bytes, but only 100 bytes remain"},
    {"TextLengthBeyondTheFile", [] { return text_file(101, 100); },
     "the string has a length of 101 bytes, but only 100 bytes remain"},
    // ggml PR 1516: a file of 160 bytes that asks for a GiB.
    {"SmallFileWithHugeText", [] { return text_file(kGiB - 1, 115); },
     "the string has a length of 1073741823 bytes, but only 115 bytes remain"},
    {"SmallFileWithHugeArray", [] { return array_file(0, kGiB - 1, 103); },
     "elements of the array is 1073741823, at most 268435456 are accepted"},
    {"SmallFileWithLargeArray", [] { return array_file(10, 1 << 27, 103); },
     "elements of the array is 134217728, each takes 8 or more bytes, but only 103 bytes remain"},
    // CVE-2024-21825, CVE-2024-21802: count times element size wraps to a small number.
    {"ArraySizeThatWraps", [] { return array_file(6, (std::uint64_t{1} << 62) + 1); },
     "elements of the array is 4611686018427387905, at most"},
    {"ArrayOneTooLong", [] { return array_file(5, 17, 64); },
     "elements of the array is 17, each takes 4 or more bytes, but only 64 bytes remain"},
    // ll PR 27188: the reader counted for ever.
    {"ArrayOfTwoTo63Bools", [] { return array_file(7, std::uint64_t{1} << 63); },
     "elements of the array is 9223372036854775808, at most"},
    {"ArrayOfTwoTo63Texts", [] { return array_file(8, std::uint64_t{1} << 63); },
     "strings in the array is 9223372036854775808, at most"},
    {"MoreTextsThanTheFileHolds", [] { return array_file(8, 9, 64); },
     "strings in the array is 9, each takes 8 or more bytes, but only 64 bytes remain"},
    // CVE-2024-32878: the error path freed strings that had not been read yet.
    {"CutInsideTheSecondText",
     [] {
       ByteSink body;
       body.u32(8).u64(2).string("first text").u64(7).raw("secon");
       return GgufBuilder().kv_raw("list", 9, body).build();
     },
     "the string of the array has a length of 7 bytes, but only 5 bytes remain"},
    {"ArrayWithoutLength",
     [] { return GgufBuilder().kv_raw("list", 9, ByteSink().u32(8)).build(); },
     "the file ends inside the array length: 8 bytes are needed, 0 remain"},
    {"ArrayWithoutElementType", [] { return GgufBuilder().kv_raw("list", 9, {}).build(); },
     "the file ends inside the element type: 4 bytes are needed, 0 remain"},
    {"AlignmentOfWrongType",
     [] { return GgufBuilder().kv<std::uint64_t>("general.alignment", 32).build(); },
     "key 'general.alignment': expected u32, found u64"},
    {"AlignmentZero", [] { return alignment_file(0); }, "from 8 to 1048576, found 0"},
    {"AlignmentNotAPowerOfTwo", [] { return alignment_file(48); }, "from 8 to 1048576, found 48"},
    {"AlignmentOne", [] { return alignment_file(1); }, "from 8 to 1048576, found 1"},
    {"AlignmentHuge", [] { return alignment_file(0x80000000); },
     "from 8 to 1048576, found 2147483648"},
    {"SplitInMemory", [] { return GgufBuilder().kv<std::uint16_t>("split.count", 2).build(); },
     "a split model cannot be opened from memory"},
    {"SplitCountOfWrongType", [] { return GgufBuilder().kv_text("split.count", "2").build(); },
     "key 'split.count': expected an integer of 0 or more, found string '2'"},
};

class MalformedMetadata : public testing::TestWithParam<MalformedFile> {};
TEST_P(MalformedMetadata, IsRefused) { expect_refused(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Catalogue, MalformedMetadata, testing::ValuesIn(kMetadata),
                         malformed_name);

}  // namespace
}  // namespace lathe
