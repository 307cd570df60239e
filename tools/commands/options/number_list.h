// Lists and ranges of numbers, as llama-bench's users write them: "512", "1-8", "1-8+2",
// "128-1024*2".
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

namespace lathe {

// All numbers of the texts in order. Error (kUsage) for what is no such range, or more than a
// thousand numbers.
std::vector<std::size_t> numbers_of(const std::vector<std::string>& texts);

// A check of each text, for CLI::Option::check(): numbers outside [least, most] are refused, too.
std::function<std::string(const std::string&)> number_list_check(std::size_t least,
                                                                 std::size_t most);

}  // namespace lathe
