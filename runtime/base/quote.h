// Makes bytes of an untrusted file safe and short enough to show in a message or a table.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

inline constexpr std::size_t kQuotedBytes = 96;

// Control bytes as \xNN; longer texts cut with "..." after max_bytes.
std::string printable(std::string_view text, std::size_t max_bytes = kQuotedBytes);

// The same in single quotes.
std::string quoted(std::string_view text, std::size_t max_bytes = kQuotedBytes);
// Of strings, so that they never reach the standard library's function of that name in <iomanip>,
// which would match better than a view.
inline std::string quoted(const std::string& text, std::size_t max_bytes = kQuotedBytes) {
  return quoted(std::string_view(text), max_bytes);
}
inline std::string quoted(std::string& text, std::size_t max_bytes = kQuotedBytes) {
  return quoted(std::string_view(text), max_bytes);
}

}  // namespace lathe
