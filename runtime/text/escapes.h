// Escapes in texts of a command line: "a\nb" as shells pass it on.
#pragma once

#include <string>
#include <string_view>

namespace lathe {

// \n \t \r \" \' \\ and \xHH become what they stand for; any other backslash stays.
std::string without_escapes(std::string_view text);

}  // namespace lathe
