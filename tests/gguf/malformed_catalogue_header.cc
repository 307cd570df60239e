// Malformed files, part 1: magic, version, counts, keys that end too early.
#include "tests/gguf/malformed.h"

namespace lathe {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes text_bytes(std::string_view s) { return {s.begin(), s.end()}; }

Bytes with_magic(const char* magic) {
  GgufBuilder b;
  b.magic = magic;
  return b.build();
}

Bytes with_version(std::uint32_t version) {
  GgufBuilder b;
  b.version = version;
  return b.build();
}

Bytes with_counts(std::uint64_t n_tensors, std::uint64_t n_keys, std::size_t trailing = 0) {
  GgufBuilder b;
  b.n_tensors = n_tensors;
  b.n_keys = n_keys;
  Bytes out = b.build();
  out.resize(out.size() + trailing);
  return out;
}

// A file whose last `n` bytes are gone.
Bytes cut(const GgufBuilder& b, std::size_t n) {
  Bytes out = b.build();
  out.resize(out.size() - n);
  return out;
}

const MalformedFile kHeader[] = {
    {"Empty", [] { return Bytes{}; }, "at byte 0: the file ends inside the magic"},
    {"OneByte", [] { return text_bytes("G"); }, "the magic: 4 bytes are needed, 1 remain"},
    {"MagicOnly", [] { return text_bytes("GGUF"); }, "at byte 4: the file ends inside the version"},
    {"OtherMagic", [] { return with_magic("PK\x03\x04"); },
     "not a GGUF file: the magic is 'PK\\x03\\x04', expected 'GGUF'"},
    {"SwappedMagic", [] { return with_magic("FUGG"); }, "big-endian or byte-swapped"},
    {"OldMagic", [] { return with_magic("tjgg"); }, "a model file from before GGUF"},
    {"Version0", [] { return with_version(0); }, "GGUF version 0 is unknown, expected 2 or 3"},
    {"Version1", [] { return with_version(1); }, "GGUF version 1 is no longer supported"},
    {"Version4", [] { return with_version(4); }, "GGUF version 4 is unknown, expected 2 or 3"},
    {"BigEndianVersion3", [] { return with_version(0x03000000); },
     "big-endian GGUF (version reads as 0x03000000)"},
    {"NoCounts", [] { return text_bytes(std::string_view("GGUF\3\0\0\0", 8)); },
     "at byte 8: the file ends inside the number of tensors"},
    {"NoKeyCount", [] { return text_bytes(std::string_view("GGUF\3\0\0\0\0\0\0\0\0\0\0\0", 16)); },
     "at byte 16: the file ends inside the number of keys"},
    {"NegativeTensorCount", [] { return with_counts(~std::uint64_t{0}, 0); },
     "the number of tensors is negative (-1)"},
    {"NegativeKeyCount", [] { return with_counts(0, std::uint64_t{1} << 63); },
     "the number of keys is negative (-9223372036854775808)"},
    // CVE-2024-21836, CVE-2026-27940: counts whose product with an entry's size wraps.
    {"TensorCountThatWraps", [] { return with_counts(0x7fffffffffffffff / 64, 0); },
     "the number of tensors is 144115188075855871, at most 1048576 are accepted"},
    // CVE-2024-23605
    {"KeyCountThatWraps", [] { return with_counts(0, 0x7fffffffffffffff / 48); },
     "the number of keys is 192153584101141162, at most 65536 are accepted"},
    {"TensorCountBeyondTheFile", [] { return with_counts(1000000, 0, 100); },
     "the number of tensors is 1000000, each takes 25 or more bytes, but only 100 bytes remain"},
    {"KeyCountBeyondTheFile", [] { return with_counts(0, 60000, 100); },
     "the number of keys is 60000, each takes 14 or more bytes, but only 100 bytes remain"},
    // Enough bytes for the tensors before the keys are read, but not afterwards.
    {"TensorCountBeyondTheRest",
     [] {
       GgufBuilder b;
       b.n_tensors = 3;
       return b.kv_text("general.name", std::string(80, 'x')).build();
     },
     "the number of tensors is 3, each takes 25 or more bytes, but only 0 bytes remain"},
    // The second key is then read as a tensor: the type of a text, 8, as its number of dimensions.
    {"OneKeyTooFew",
     [] {
       GgufBuilder b;
       b.n_keys = 1;
       return b.kv<std::uint32_t>("a", 1).kv_text("b", "text").f32_tensor("t", {8}).build();
     },
     "tensor 'b': the tensor has 8 dimensions, expected 1 to 4"},
    {"CutInKeyLength",
     [] { return cut(GgufBuilder().kv_text("a", "text").kv_text("b", "text"), 20); },
     "key 2 of 2: the file ends inside the key: 8 bytes are needed, 5 remain"},
    {"CutInKey", [] { return cut(GgufBuilder().kv_text("a", "text").kv_text("bcd", "text"), 17); },
     "key 2 of 2: the key has a length of 3 bytes, but only 2 bytes remain"},
    {"CutInValueType",
     [] { return cut(GgufBuilder().kv_text("first", "text").kv<std::uint64_t>("b", 1), 9); },
     "key 'b': the file ends inside the value type: 4 bytes are needed, 3 remain"},
    {"CutInNumber", [] { return cut(GgufBuilder().kv<std::uint64_t>("number", 1), 1); },
     "key 'number': the file ends inside the value: 8 bytes are needed, 7 remain"},
    {"CutInText", [] { return cut(GgufBuilder().kv_text("t", "hello"), 1); },
     "key 't': the string has a length of 5 bytes, but only 4 bytes remain"},
};

class MalformedHeader : public testing::TestWithParam<MalformedFile> {};
TEST_P(MalformedHeader, IsRefused) { expect_refused(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Catalogue, MalformedHeader, testing::ValuesIn(kHeader), malformed_name);

}  // namespace
}  // namespace lathe
