// Reads the header of a safetensors file from bytes, trusting none of them.
//
// Layout: u64 length of the header, the header (one JSON object: a name to dtype, shape and offsets
// into the data), the data. As the format's own reader has it, tensors fill the data without
// overlaps and without holes. No file is opened here, so that tests and the fuzzer can feed memory.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "kernels/formats/format.h"

namespace lathe {

inline constexpr std::uint64_t kSafetensorsMaxHeader = 100'000'000;  // that of the format's reader

struct SafetensorsEntry {
  std::string name;
  std::string dtype;                // as the file spells it: "BF16"
  std::vector<std::uint64_t> dims;  // slowest first, as PyTorch has them; empty: a scalar
  std::uint64_t offset = 0;         // of its first byte, from the start of the file
  std::uint64_t n_bytes = 0;

  // F32, F16 or BF16; nothing for what lathe cannot read, as 8-bit floats.
  std::optional<Format> format() const noexcept;
};

// In the order of their data. Error (kBadInput) that says what is wrong where: lengths and offsets
// beyond the file, overlaps and holes, dtypes that there are none of, sizes that do not follow from
// the shape, a name that stands twice, deep nesting. `where` names the file.
std::vector<SafetensorsEntry> parse_safetensors(std::span<const std::uint8_t> bytes,
                                                const std::string& where);

}  // namespace lathe
