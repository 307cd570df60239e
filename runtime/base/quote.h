// Makes bytes of an untrusted file safe and short enough to show in a message or a table.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

inline constexpr std::size_t kQuotedBytes = 96;

// Control bytes as \xNN; longer texts cut with "..." after max_bytes.
std::string printable(std::string_view text, std::size_t max_bytes = kQuotedBytes);

// The same in single quotes. (With <iomanip> in sight write lathe::quoted: the standard library's
// function of that name would win for a std::string.)
std::string quoted(std::string_view text, std::size_t max_bytes = kQuotedBytes);

}  // namespace lathe
