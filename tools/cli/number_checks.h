// Checks of options that are numbers, for CLI::Option::check(): what is wrong in words, or nothing.
//
// Every numeric option has one: CLI11 alone takes -1 for a large count, and nan for a number.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <string>

namespace lathe {

using NumberCheck = std::function<std::string(const std::string&)>;

inline constexpr std::int64_t kLargestWhole = std::numeric_limits<std::int64_t>::max();
inline constexpr std::int64_t kLargestInt = std::numeric_limits<int>::max();
inline constexpr double kLargestReal = std::numeric_limits<double>::max();
inline constexpr int kMostThreads = 4096;  // of -t, everywhere

NumberCheck whole_number(std::int64_t least, std::int64_t most = kLargestWhole);
NumberCheck real_number(double least = -kLargestReal, double most = kLargestReal);  // finite
// Counts.
std::string one_or_more(const std::string& text);
std::string zero_or_more(const std::string& text);

}  // namespace lathe
