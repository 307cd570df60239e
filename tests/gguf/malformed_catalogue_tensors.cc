// Malformed files, part 3: tensor infos and where the data lie.
#include "tests/gguf/malformed.h"

namespace lathe {
namespace {

using Bytes = std::vector<std::uint8_t>;
using Dims = std::vector<std::uint64_t>;

constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kF16 = 1;
constexpr std::uint32_t kQ4_K = 12;

// A file with one tensor info and 256 bytes of data.
Bytes one_tensor(const Dims& dims, std::uint32_t type, std::string_view name = "t") {
  return GgufBuilder().tensor(name, dims, type, 256).build();
}

Bytes with_type(std::uint32_t type) { return one_tensor({32}, type); }

// A good first tensor (64 bytes), and a second whose offset is given.
Bytes second_at(std::uint64_t offset) {
  return GgufBuilder().f32_tensor("first", {16}).tensor("second", {16}, kF32, 64, offset).build();
}

Bytes cut(const GgufBuilder& b, std::size_t n) {
  Bytes out = b.build();
  out.resize(out.size() - n);
  return out;
}

const MalformedFile kTensors[] = {
    {"TensorNameEmpty", [] { return one_tensor({8}, kF32, ""); },
     "tensor 1 of 1: the tensor name is empty"},
    {"TensorNameTooLong", [] { return one_tensor({8}, kF32, std::string(64, 'n')); },
     "the tensor name has a length of 64 bytes, at most 63 are accepted"},
    {"TensorNameBeyondTheFile",
     [] {
       return GgufBuilder().tensor_bytes(ByteSink().u64(63).raw(std::string(30, 'n'))).build();
     },
     "the tensor name has a length of 63 bytes, but only"},
    {"DuplicateTensor",
     [] { return GgufBuilder().f32_tensor("same", {8}).f32_tensor("same", {8}).build(); },
     "tensor 'same': the tensor name occurs twice"},
    {"NoDimensions", [] { return one_tensor({}, kF32); },
     "the tensor has 0 dimensions, expected 1 to 4"},
    {"FiveDimensions",
     [] {
       return one_tensor({2, 2, 2, 2, 2}, kF32);
     },
     "the tensor has 5 dimensions, expected 1 to 4"},
    // antirez/gguf-tools 25: only an assert stood there.
    {"HugeNumberOfDimensions",
     [] {
       return GgufBuilder()
           .tensor_bytes(ByteSink().string("t").u32(0xffffffff).u64(1).u64(1))
           .build();
     },
     "the tensor has 4294967295 dimensions"},
    {"ZeroDimension",
     [] {
       return one_tensor({8, 0}, kF32);
     },
     "dimension 1 is 0, expected 1 or more"},
    {"NegativeDimension", [] { return one_tensor({~std::uint64_t{0}}, kF32); },
     "dimension 0 is -1, expected 1 or more"},
    // CVE-2024-21802: the product of the dimensions wraps to something small.
    {"DimensionsThatWrap",
     [] {
       return one_tensor({1ULL << 32, 1ULL << 32}, kF32);
     },
     "the product of the dimensions 4294967296 x 4294967296 overflows"},
    {"DimensionsThatWrapInFour",
     [] {
       return one_tensor({1ULL << 21, 1ULL << 21, 1ULL << 21, 2}, kF32);
     },
     "the product of the dimensions 2097152 x 2097152 x 2097152 x 2 overflows"},
    // CVE-2026-33298: the product fits, the bytes do not.
    {"BytesThatWrap",
     [] {
       return one_tensor({1ULL << 61, 2}, kF32);
     },
     "the size in bytes of a tensor of 2305843009213693952 x 2 f32 overflows"},
    {"RowNotInWholeBlocks",
     [] {
       return one_tensor({100, 4}, kQ4_K);
     },
     "rows of 100 elements are not whole blocks of q4_K, which has 256 per block"},
    {"RemovedTypeQ4_2", [] { return with_type(4); }, "the tensor type 4 was removed from GGUF"},
    {"RemovedTypeQ4_3", [] { return with_type(5); }, "the tensor type 5 was removed from GGUF"},
    {"RemovedTypeQ4_0_4_4", [] { return with_type(31); },
     "the tensor type 31 was removed from GGUF"},
    {"RemovedTypeIQ4_NL_8_8", [] { return with_type(38); },
     "the tensor type 38 was removed from GGUF"},
    {"ActivationTypeQ8_1", [] { return with_type(9); },
     "the tensor type 9 is for activations only"},
    {"IntegerTypeI32", [] { return with_type(26); },
     "the tensor type 26 (integer or f64) is not used"},
    {"PeerOnlyTypeIQ4_K", [] { return with_type(139); },
     "the tensor type 139 exists only in ik_llama.cpp"},
    {"PeerOnlyTypeRowInterleaved", [] { return with_type(202); },
     "the tensor type 202 exists only in ik_llama.cpp"},
    {"UnknownType", [] { return with_type(43); }, "the tensor type 43 is unknown"},
    // The id indexed a table without a check (the class of CVE-2024-42477).
    {"HugeType", [] { return with_type(0xffffffff); }, "the tensor type 4294967295 is unknown"},
    {"FirstOffsetNotZero", [] { return GgufBuilder().tensor("t", {8}, kF32, 96, 32).build(); },
     "the data offset 32 leaves a gap or lies outside, expected 0"},
    {"OffsetNotAligned", [] { return second_at(66); },
     "tensor 'second': the data offset 66 is not a multiple of the alignment 32"},
    {"OffsetOverlaps", [] { return second_at(32); },
     "the data offset 32 overlaps the tensors before it, expected 64"},
    {"OffsetOfTheFirst", [] { return second_at(0); },
     "the data offset 0 overlaps the tensors before it, expected 64"},
    {"OffsetLeavesAGap", [] { return second_at(96); },
     "the data offset 96 leaves a gap or lies outside, expected 64"},
    {"OffsetFarOutside", [] { return second_at(std::uint64_t{1} << 40); },
     "the data offset 1099511627776 leaves a gap or lies outside, expected 64"},
    {"OffsetThatWraps", [] { return second_at(~std::uint64_t{0} - 31); },
     "the data offset 18446744073709551584 leaves a gap or lies outside, expected 64"},
    // CVE-2026-7482: the shape claims more data than the file has; reading on leaked memory.
    {"ShapeLargerThanTheData",
     [] {
       return one_tensor({4096, 4096}, kF16);
     },
     "outside of the file: it is cut off or damaged"},
    {"ExabyteTensor", [] { return one_tensor({1ULL << 59}, kF32); },
     "the data of tensor 't' lies at 64 to 2305843009213694016, outside of the file"},
    // CVE-2025-53630, ggml PR 26318: the sum of padded sizes wraps.
    {"SumOfSizesThatWraps",
     [] {
       GgufBuilder b;
       b.tensor_info("a", {1ULL << 59}, kF32, 0).tensor_info("b", {1ULL << 59}, kF32, 1ULL << 61);
       return b.tensor_info("c", {1ULL << 59}, kF32, 1ULL << 62).build();
     },
     "tensor 'c': the sizes of the tensors up to this one add up to more than 2^62 bytes"},
    {"SizeThatWrapsWhenPadded", [] { return one_tensor({(1ULL << 63) / 4 - 1}, kF32); },
     "add up to more than 2^62 bytes"},
    {"DataCutOff", [] { return cut(GgufBuilder().f32_tensor("t", {8}), 1); },
     "the data of tensor 't' lies at 64 to 96, outside of the file: it is cut off or damaged (95 "
     "bytes, 1 are missing)"},
    {"LastTensorMissing",
     [] { return cut(GgufBuilder().f32_tensor("a", {8}).f32_tensor("b", {64}), 256); },
     "the data of tensor 'b'"},
    {"NoDataSection", [] { return cut(GgufBuilder().f32_tensor("t", {8}), 32 + 7); },
     "the data of tensor 't' lies at 64 to 96"},
    {"CutInDimensions",
     [] {
       ByteSink info;
       info.string("t").u32(3).u64(1).u64(1);
       return cut(GgufBuilder().tensor_bytes(info), 8);  // 8 of the 11 bytes of padding
     },
     "tensor 't': the file ends inside the dimension: 8 bytes are needed, 3 remain"},
    {"CutInType",
     [] {
       ByteSink info;
       info.string("t").u32(2).u64(1).u64(1);
       return cut(GgufBuilder().tensor_bytes(info), 8);
     },
     "tensor 't': the file ends inside the tensor type: 4 bytes are needed, 3 remain"},
    {"CutInOffset",
     [] {
       ByteSink info;
       info.string("t").u32(1).u64(32).u32(0).u32(0);
       return cut(GgufBuilder().tensor_bytes(info), 8);
     },
     "tensor 't': the file ends inside the data offset: 8 bytes are needed, 7 remain"},
};

class MalformedTensors : public testing::TestWithParam<MalformedFile> {};
TEST_P(MalformedTensors, IsRefused) { expect_refused(GetParam()); }
INSTANTIATE_TEST_SUITE_P(Catalogue, MalformedTensors, testing::ValuesIn(kTensors), malformed_name);

}  // namespace
}  // namespace lathe
