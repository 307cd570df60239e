// Ranges of numbers as expressions of their digits.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <iterator>
#include <nlohmann/json.hpp>

#include "runtime/text/grammar/schema.h"

namespace lathe::grammar {
namespace {

constexpr std::int64_t kLargest = 999'999'999'999'999'999;  // 18 digits
constexpr double kExact = 9007199254740992;                 // larger whole numbers are rounded
constexpr std::size_t kExactDigits = 15;  // numbers of so many digits keep their order when read

void add_choice(std::string& choices, const std::string& choice) {
  if (!choices.empty()) choices += " | ";
  choices += choice;
}

std::string digits(char first, char last, std::size_t n = 1) {
  std::string text =
      first == last ? fmt::format("\"{}\"", first) : fmt::format("[{}-{}]", first, last);
  if (n != 1) text += fmt::format("{{{}}}", n);
  return text;
}

// Of two numbers of the same length.
std::string between(const std::string& low, const std::string& high) {
  if (low == high) return fmt::format("\"{}\"", low);
  const std::size_t n = low.size();
  if (low == std::string(n, '0') && high == std::string(n, '9')) return digits('0', '9', n);
  if (n == 1) return digits(low[0], high[0]);
  const std::string low_rest = low.substr(1), high_rest = high.substr(1);
  if (low[0] == high[0]) return digits(low[0], low[0]) + " " + between(low_rest, high_rest);
  const std::string zeros(n - 1, '0'), nines(n - 1, '9');
  char first = low[0], last = high[0];
  std::string choices;
  if (low_rest != zeros) {
    add_choice(choices, digits(first, first) + " " + between(low_rest, nines));
    ++first;
  }
  std::string end;
  if (high_rest != nines) {
    end = digits(last, last) + " " + between(zeros, high_rest);
    --last;
  }
  if (first <= last) add_choice(choices, digits(first, last) + " " + digits('0', '9', n - 1));
  if (!end.empty()) add_choice(choices, end);
  return "(" + choices + ")";
}

// All whole numbers of first to last digits.
std::string of_lengths(std::size_t first, std::size_t last) {
  return first == last ? "[1-9] " + digits('0', '9', first - 1)
                       : fmt::format("[1-9] [0-9]{{{},{}}}", first - 1, last - 1);
}

// Choices of the whole numbers from low to high, neither negative.
std::string whole_between(std::int64_t low, std::int64_t high) {
  std::string choices;
  while (low <= high) {
    const std::string text = std::to_string(low);
    // All numbers of some lengths at once, where they are within.
    std::size_t n = text.size();
    std::int64_t power = 1;
    for (std::size_t i = 1; i < n; ++i) power *= 10;
    const bool at_power = low == power && low > 1;
    std::int64_t last = power * 10 - 1;
    if (at_power && last <= high) {
      while (last < kLargest && last * 10 + 9 <= high) {
        last = last * 10 + 9;
        ++n;
      }
      add_choice(choices, of_lengths(text.size(), n));
    } else {
      last = std::min(high, last);
      add_choice(choices, between(text, std::to_string(last)));
    }
    low = last + 1;
  }
  return "(" + choices + ")";
}

// Numbers from least (not negative) to most, with fractions.
struct Side {
  std::int64_t least = 0, most = kLargest;
  bool above_least = false, below_most = false;
};

// Digits that a fraction may have beside these bounds: with more of them a number next to a bound
// would be read as the bound itself.
std::size_t fraction_digits(const Side& s) {
  const std::int64_t largest = s.most < kLargest ? s.most : s.least;
  const std::size_t n = std::to_string(largest).size();
  return n < kExactDigits ? kExactDigits - n : 0;
}

std::string with_fractions(const Side& s) {
  std::string choices;
  std::int64_t first = s.least;
  if (s.least > s.most || (s.least == s.most && (s.above_least || s.below_most))) return {};
  const std::size_t n = fraction_digits(s);
  const std::string any = n > 0 ? fmt::format("(\".\" [0-9]{{1,{}}})?", n) : "\"\"";
  if (s.above_least) {
    if (n > 0) {
      add_choice(choices, fmt::format("\"{}.\" [0-9]{{0,{}}} [1-9]", s.least, n - 1));
    }
    ++first;
  }
  if (first <= s.most - 1) {
    add_choice(choices, whole_between(first, s.most - 1) + " " + any);
  }
  if (!s.below_most) add_choice(choices, fmt::format("\"{}\" (\".\" \"0\"{{1,15}})?", s.most));
  return choices;
}

std::int64_t clamped(double value) {
  constexpr auto kLimit = static_cast<double>(kLargest);
  if (value >= kLimit) return kLargest;
  if (value <= -kLimit) return -kLargest;
  return static_cast<std::int64_t>(value);
}

}  // namespace

NumberBounds number_bounds(const SchemaJson& schema, const SchemaPath& path) {
  NumberBounds b;
  const auto value = [&](const char* key) -> std::optional<double> {
    if (!schema.contains(key)) return std::nullopt;
    if (!schema[key].is_number()) path.at(key).fail("expected a number");
    return schema[key].get<double>();
  };
  // A large one may be rounded: one step inwards is within in any case.
  const auto inwards = [](std::optional<double>& bound, double to) {
    if (bound && std::abs(*bound) > kExact) bound = std::nextafter(*bound, to);
  };
  b.least = value("minimum");
  b.most = value("maximum");
  if (const auto above = value("exclusiveMinimum"); above && (!b.least || *above >= *b.least)) {
    b.least = above;
    b.above_least = true;
  }
  if (const auto below = value("exclusiveMaximum"); below && (!b.most || *below <= *b.most)) {
    b.most = below;
    b.below_most = true;
  }
  if (schema.contains("format")) {
    const std::string format = schema["format"].get<std::string>();
    constexpr std::string_view kWide[] = {"int64", "float", "double"};  // more than 18 digits
    if (format == "int32") {
      if (!b.least || *b.least < INT32_MIN) b.least = INT32_MIN, b.above_least = false;
      if (!b.most || *b.most > INT32_MAX) b.most = INT32_MAX, b.below_most = false;
    } else if (std::find(std::begin(kWide), std::end(kWide), format) == std::end(kWide)) {
      path.at("format").fail("not supported of a number, expected int32, int64, float or double");
    }
  }
  inwards(b.least, HUGE_VAL);
  inwards(b.most, -HUGE_VAL);
  return b;
}

std::string integer_expression(const NumberBounds& b, const SchemaPath& path) {
  std::int64_t low = -kLargest, high = kLargest;
  constexpr auto kLimit = static_cast<double>(kLargest);
  if (b.least.value_or(0) >= kLimit || b.most.value_or(0) <= -kLimit)
    low = high + 1;
  else if (b.least)
    low = clamped(std::ceil(*b.least));
  if (b.above_least && static_cast<double>(low) == *b.least) ++low;
  if (b.most) high = clamped(std::floor(*b.most));
  if (b.below_most && static_cast<double>(high) == *b.most) --high;
  if (low > high) path.fail("no whole number of at most 18 digits is within the bounds");
  std::string choices;
  if (high >= 0) add_choice(choices, whole_between(std::max<std::int64_t>(low, 0), high));
  if (low < 0) {
    const std::int64_t least = high < 0 ? -high : 1;
    add_choice(choices, "\"-\" " + whole_between(least, -low));
  }
  return "(" + choices + ")";
}

std::string number_expression(const NumberBounds& b, const SchemaPath& path) {
  const auto whole = [&](const std::optional<double>& bound, std::int64_t otherwise) {
    if (!bound) return otherwise;
    if (std::floor(*bound) != *bound || std::abs(*bound) > static_cast<double>(kLargest)) {
      path.fail(
          fmt::format("the bound {} of a number is not supported, expected a whole one of at "
                      "most 18 digits",
                      *bound));
    }
    return static_cast<std::int64_t>(*bound);
  };
  const std::int64_t low = whole(b.least, -kLargest), high = whole(b.most, kLargest);
  std::string choices;
  const std::string positive = with_fractions({.least = std::max<std::int64_t>(low, 0),
                                               .most = high,
                                               .above_least = b.above_least && low >= 0,
                                               .below_most = b.below_most});
  if (!positive.empty()) add_choice(choices, positive);
  // Below zero the bounds change their places. There is no -0.
  const std::string negative = low >= 0 ? std::string()
                                        : with_fractions({.least = high < 0 ? -high : 0,
                                                          .most = -low,
                                                          .above_least = high >= 0 || b.below_most,
                                                          .below_most = b.above_least});
  if (!negative.empty()) add_choice(choices, "\"-\" (" + negative + ")");
  if (choices.empty()) path.fail("no number is within the bounds");
  return "(" + choices + ")";
}

}  // namespace lathe::grammar
