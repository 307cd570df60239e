// Parses the header of one GGUF file (versions 2 and 3) from bytes, trusting none of them.
//
// No file is opened here, so that tests and the fuzzer can feed memory. Layout and rules: header,
// key-values, tensor infos, padding to the alignment, tensor data; tensors lie in the order of
// their infos, each starting at the first multiple of the alignment after the one before.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "runtime/gguf/metadata.h"
#include "runtime/gguf/tensor_info.h"

namespace lathe {

// Caps that no real file comes near; with the checks against the bytes that remain they keep what a
// file can make us allocate in proportion to its size.
inline constexpr std::uint64_t kGgufMaxKeys = 1U << 16;
inline constexpr std::uint64_t kGgufMaxTensors = 1U << 20;
inline constexpr std::uint64_t kGgufMaxKeyBytes = 65535;
inline constexpr std::uint64_t kGgufMaxStringBytes = 1U << 28;
inline constexpr std::uint64_t kGgufMaxArrayElements = 1U << 28;
inline constexpr std::uint64_t kGgufMinAlignment = 8;
inline constexpr std::uint64_t kGgufMaxAlignment = 1U << 20;

struct GgufContents {
  std::uint32_t version = 0;
  std::uint64_t alignment = kGgufAlignment;
  std::uint64_t data_offset = 0;  // where tensor data starts; the end of the header without tensors
  Metadata metadata;
  std::vector<TensorInfo> tensors;  // in file order; file_index 0
};

// Error (kBadInput) that says where (file, byte, key or tensor), what, and what was expected.
// `where` names the file. On return every tensor lies inside `bytes`.
GgufContents parse_gguf(std::span<const std::uint8_t> bytes, const std::string& where);

}  // namespace lathe
