// Text as Python's str has it: in characters (code points), not in bytes. Bytes that are no UTF-8
// count as characters of their own.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::jinja {

std::size_t n_chars(std::string_view text) noexcept;
std::vector<std::string_view> chars_of(std::string_view text);

// What str.isspace() says of one character.
bool is_space(std::string_view c) noexcept;

// The longest beginning (end) of white space, or of characters of `set`, where that is given.
enum class Side { kLeft, kRight, kBoth };
std::string_view stripped(std::string_view text, Side side, const std::string_view* set = nullptr);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalized(std::string_view text);
std::string title_cased(std::string_view text);  // str.title()
std::string swapped_case(std::string_view text);

bool is_upper(std::string_view text);  // str.isupper() and so on
bool is_lower(std::string_view text);
bool is_alphabetic(std::string_view text);
bool is_alphanumeric(std::string_view text);
bool is_digits(std::string_view text);
bool is_all_space(std::string_view text);
bool is_printable(char32_t c) noexcept;

// In linear time; npos when it is not there.
std::size_t find_text(std::string_view text, std::string_view part, std::size_t from = 0) noexcept;
// All parts between non-overlapping occurrences, at most `most` cuts. `separator` is not empty.
std::vector<std::string_view> split_at(std::string_view text, std::string_view separator,
                                       std::size_t most);
std::vector<std::string_view> split_at_right(std::string_view text, std::string_view separator,
                                             std::size_t most);
// At runs of white space; nothing empty.
std::vector<std::string_view> split_at_space(std::string_view text, std::size_t most);
std::vector<std::string_view> split_at_space_right(std::string_view text, std::size_t most);
std::vector<std::string_view> lines_of(std::string_view text, bool keep_ends);

}  // namespace lathe::jinja
