#include "kernels/formats/format.h"

namespace lathe {
namespace {

constexpr char lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

bool same_in_any_case(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

}  // namespace

bool format_from_gguf_id(std::uint32_t id, Format* out) noexcept {
  for (std::size_t i = 0; i < kFormatCount; ++i) {
    if (kFormatInfo[i].gguf_id != id) continue;
    *out = static_cast<Format>(i);
    return true;
  }
  return false;
}

bool format_from_name(std::string_view name, Format* out) noexcept {
  for (std::size_t i = 0; i < kFormatCount; ++i) {
    if (!same_in_any_case(kFormatInfo[i].name, name)) continue;
    *out = static_cast<Format>(i);
    return true;
  }
  return false;
}

}  // namespace lathe
