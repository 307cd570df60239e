// How many columns of a terminal a text takes: CJK characters and emoji two, combining marks none.
//
// Counted by code point, as terminals do; a malformed unit is shown as U+FFFD, one column.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace lathe {

std::size_t display_width(std::string_view text);

// One line of at most `columns` columns: control characters (line ends, escape sequences) and
// malformed bytes become U+FFFD, and what is too long ends in "...".
std::string fit_to_width(std::string_view text, std::size_t columns);

}  // namespace lathe
