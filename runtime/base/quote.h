// Makes bytes of an untrusted file safe and short enough to show in a message.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

// 'text' in single quotes: control bytes as \xNN, longer texts cut with "..." after max_bytes.
std::string quoted(std::string_view text, std::size_t max_bytes = 96);

}  // namespace lathe
