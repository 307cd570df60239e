#include "tools/commands/options/number_list.h"

#include <fmt/format.h>

#include <charconv>
#include <optional>
#include <string_view>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr std::size_t kMostNumbers = 1000;

struct Range {
  std::size_t first = 0, last = 0;
  std::size_t step = 1;
  bool multiply = false;
};

// Takes a number from the beginning of the text.
std::optional<std::size_t> take_number(std::string_view& text) {
  std::size_t value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stop - text.data()));
  return value;
}

std::optional<Range> parse_range(std::string_view text) {
  Range range;
  const auto first = take_number(text);
  if (!first) return std::nullopt;
  range.first = range.last = *first;
  if (text.empty()) return range;
  if (text[0] != '-') return std::nullopt;
  text.remove_prefix(1);
  const auto last = take_number(text);
  if (!last || *last < *first) return std::nullopt;
  range.last = *last;
  if (text.empty()) return range;
  range.multiply = text[0] == '*';
  if (!range.multiply && text[0] != '+') return std::nullopt;
  text.remove_prefix(1);
  const auto step = take_number(text);
  if (!step || !text.empty() || *step == 0) return std::nullopt;
  if (range.multiply && (*step == 1 || range.first == 0)) return std::nullopt;  // never arrives
  range.step = *step;
  return range;
}

// Calls `add` with each number of the range until it says false.
template <class Add>
void for_each(const Range& range, Add add) {
  for (std::size_t n = range.first; n <= range.last;) {
    if (!add(n)) return;
    const std::size_t room = range.last - n;
    if (range.multiply ? n > range.last / range.step : range.step > room) return;
    n = range.multiply ? n * range.step : n + range.step;
  }
}

}  // namespace

std::vector<std::size_t> numbers_of(const std::vector<std::string>& texts) {
  std::vector<std::size_t> numbers;
  for (const std::string& text : texts) {
    const std::optional<Range> range = parse_range(text);
    if (!range) throw usage_error("no number or range of numbers: " + quoted(text));
    for_each(*range, [&](std::size_t n) {
      numbers.push_back(n);
      return numbers.size() <= kMostNumbers;
    });
    if (numbers.size() > kMostNumbers) {
      throw usage_error(
          fmt::format("more than {} numbers are asked for by {}", kMostNumbers, quoted(text)));
    }
  }
  return numbers;
}

std::function<std::string(const std::string&)> number_list_check(std::size_t least,
                                                                 std::size_t most) {
  return [=](const std::string& text) -> std::string {
    const std::optional<Range> range = parse_range(text);
    if (range && range->first >= least && range->last <= most) return {};
    return fmt::format(
        "expected numbers from {} to {}, as 512 or 1-8 or 1-8+2 or 128-1024*2, found {}", least,
        most, quoted(text));
  };
}

}  // namespace lathe
