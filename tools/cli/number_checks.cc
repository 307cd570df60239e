#include "tools/cli/number_checks.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <string_view>

#include "runtime/base/quote.h"

namespace lathe {
namespace {

// "a number of 1 or more", "a number from 0 to 4096"; the kind alone where there is no bound.
template <typename T>
std::string range_text(const char* kind, T least, T most, T no_least, T no_most) {
  if (least == no_least && most == no_most) return kind;
  if (most == no_most) return fmt::format("{} of {} or more", kind, least);
  if (least == no_least) return fmt::format("{} of {} or less", kind, most);
  return fmt::format("{} from {} to {}", kind, least, most);
}

std::string refused(const std::string& wanted, const std::string& text) {
  return "expected " + wanted + ", found " + quoted(text);
}

}  // namespace

std::string one_or_more(const std::string& text) { return whole_number(1)(text); }
std::string zero_or_more(const std::string& text) { return whole_number(0)(text); }

NumberCheck whole_number(std::int64_t least, std::int64_t most) {
  return [=](const std::string& text) -> std::string {
    std::int64_t value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && stop == end && value >= least && value <= most) return {};
    constexpr std::int64_t kSmallest = std::numeric_limits<std::int64_t>::min();
    return refused(range_text("a whole number", least, most, kSmallest, kLargestWhole), text);
  };
}

NumberCheck real_number(double least, double most) {
  return [=](const std::string& text) -> std::string {
    double value = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, value);
    const bool number = error == std::errc() && stop == end && std::isfinite(value);
    if (number && value >= least && value <= most) return {};
    return refused(range_text("a number", least, most, -kLargestReal, kLargestReal), text);
  };
}

}  // namespace lathe
