// Formats of tensor data: the enum and the facts of each, generated from formats.def.
//
// A row of n elements is n / block_elems blocks packed back to back; rows follow each other without
// padding. Layouts: one header per format beside this file.
//
// Everything here has internal linkage (static, constants without inline): the instruction-set
// tiers include it, and no function compiled for one of them may be shared (kernels/tiers.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace lathe {

enum class Format : std::uint8_t {
#define LATHE_FORMAT(id, name, gguf_id, elems, bytes, act, group, has_min) id,
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
};

constexpr std::size_t kFormatCount = 0
#define LATHE_FORMAT(id, name, gguf_id, elems, bytes, act, group, has_min) +1
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
    ;

// What the activations of a matrix product are converted to before they meet weights of a format.
enum class ActKind : std::uint8_t {
  kF32,     // as they are
  kBF16,    // rounded to bfloat16
  kQ8x32,   // int8 with one scale per 32
  kQ8x256,  // int8 with one scale per 256
};
constexpr std::size_t kActKindCount = 4;

struct FormatInfo {
  std::string_view name;
  std::uint32_t gguf_id;
  std::uint32_t block_elems;
  std::uint32_t block_bytes;
  ActKind act;
  std::uint32_t group;
  bool has_min;

  constexpr double bits_per_weight() const noexcept { return 8.0 * block_bytes / block_elems; }
};

constexpr FormatInfo kFormatInfo[kFormatCount] = {
#define LATHE_FORMAT(id, name, gguf_id, elems, bytes, act, group, has_min) \
  {name, gguf_id, elems, bytes, ActKind::act, group, has_min},
#include "kernels/formats/formats.def"
#undef LATHE_FORMAT
};

static constexpr std::size_t index_of(Format f) noexcept { return static_cast<std::size_t>(f); }
static constexpr const FormatInfo& format_info(Format f) noexcept {
  return kFormatInfo[index_of(f)];
}
static constexpr std::string_view format_name(Format f) noexcept { return format_info(f).name; }

// Bytes of a row of n elements; n must be a multiple of block_elems.
static constexpr std::size_t row_bytes(Format f, std::size_t n) noexcept {
  return n / format_info(f).block_elems * format_info(f).block_bytes;
}

// False, and *out untouched, for an unknown id or name. Names match in any case.
bool format_from_gguf_id(std::uint32_t id, Format* out) noexcept;
bool format_from_name(std::string_view name, Format* out) noexcept;

}  // namespace lathe
