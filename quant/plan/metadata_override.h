// Metadata that the user sets in the new file: KEY=TYPE:VALUE, TYPE one of int float bool str.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "runtime/gguf/metadata.h"

namespace lathe {

struct MetadataOverride {
  std::string key;
  std::variant<std::int64_t, double, bool, std::string> value;

  bool operator==(const MetadataOverride&) const = default;
};

// Error (kUsage) naming the text for anything but KEY=int:N, =float:X, =bool:true|false, =str:TEXT,
// and for keys that follow from the layout of the file (general.alignment, split.*).
MetadataOverride parse_metadata_override(std::string_view text);
// "int", "float", "bool" or "str".
std::string_view override_type_name(const MetadataOverride& override) noexcept;

// The last override of a key wins. A number keeps the exact type that the key has, where it fits;
// otherwise an int becomes u32 (i32 where negative, 64 bits where it must), a float f32.
void apply_overrides(std::span<const MetadataOverride> overrides, Metadata& metadata);

}  // namespace lathe
