// What a GGUF file says about one tensor, after all of it was checked.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>

#include "kernels/formats/format.h"

namespace lathe {

inline constexpr std::uint64_t kGgufAlignment = 32;  // default, and what is always written
inline constexpr std::uint32_t kGgufMaxDims = 4;
inline constexpr std::size_t kGgufMaxTensorName = 63;  // bytes; other readers keep 64 with the end

struct TensorInfo {
  std::string name;
  Format format = Format::F32;
  std::uint32_t n_dims = 1;                       // as written; dims beyond are 1
  std::array<std::uint64_t, 4> dims{1, 1, 1, 1};  // fastest first: dims[0] is the row length
  std::uint64_t offset = 0;                       // of its first byte, from the start of its file
  std::uint64_t n_bytes = 0;
  std::uint32_t file_index = 0;  // which file of a split model

  std::uint64_t cols() const noexcept { return dims[0]; }
  std::uint64_t rows() const noexcept { return dims[1] * dims[2] * dims[3]; }
  std::uint64_t n_elements() const noexcept { return cols() * rows(); }
};

// Product of the dimensions, or nothing when it does not fit an int64 (the limit of other readers).
inline std::optional<std::uint64_t> checked_elements(std::span<const std::uint64_t> dims) noexcept {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  std::uint64_t n = 1;
  for (const std::uint64_t d : dims) {
    if (d != 0 && n > kMax / d) return std::nullopt;
    n *= d;
  }
  return n;
}

// Bytes of n_elements in whole blocks, or nothing when that does not fit an int64.
inline std::optional<std::uint64_t> checked_bytes(Format format,
                                                  std::uint64_t n_elements) noexcept {
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  const FormatInfo& info = format_info(format);
  const std::uint64_t blocks = n_elements / info.block_elems;
  if (blocks > kMax / info.block_bytes) return std::nullopt;
  return blocks * info.block_bytes;
}

}  // namespace lathe
