// Filters that make numbers.
#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <optional>
#include <string>

#include "runtime/text/jinja/filters.h"
#include "runtime/text/jinja/operators.h"
#include "runtime/text/jinja/print.h"
#include "runtime/text/jinja/python_text.h"

namespace lathe::jinja {
namespace {

constexpr double kLargestWhole = 9.2e18;

// A number's letters without the white space and the underscores that Python allows; empty where
// they are none.
std::string digits_of(std::string_view text) {
  std::string out;
  for (const char c : stripped(text, Side::kBoth)) {
    if (c == '_' && !out.empty()) continue;
    if (is_space({&c, 1}) || c == '\0') return {};
    out += c;
  }
  return out;
}

std::optional<std::int64_t> parse_whole(std::string_view text, int base) {
  const std::string digits = digits_of(text);
  if (digits.empty()) return std::nullopt;
  char* end = nullptr;
  errno = 0;
  const long long value = std::strtoll(digits.c_str(), &end, base);
  if (errno != 0 || end != digits.c_str() + digits.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_real(std::string_view text) {
  const std::string digits = digits_of(text);
  if (digits.empty() || digits.find_first_of("xXpP") != digits.npos) return std::nullopt;
  char* end = nullptr;
  const double value = std::strtod(digits.c_str(), &end);
  if (end != digits.c_str() + digits.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> whole_of(double value) {
  if (!(std::abs(value) < kLargestWhole)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

Value to_int(Runtime&, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"default", "base"});
  const std::int64_t base = named.integer("base", 10);
  if (base != 0 && (base < 2 || base > 36)) throw Fault("a base is 2 to 36");
  require_defined(value);
  std::optional<std::int64_t> whole;
  if (value.is_whole()) {
    whole = value.as_int();
  } else if (value.is_number()) {
    whole = whole_of(value.as_real());
  } else if (value.is_string()) {
    whole = parse_whole(value.as_text(), static_cast<int>(base));
    const std::optional<double> real = whole ? std::nullopt : parse_real(value.as_text());
    if (real) whole = whole_of(*real);
  }
  return whole ? Value::integer(*whole) : named.get("default", Value::integer(0));
}

Value to_float(Runtime&, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"default"});
  require_defined(value);
  if (value.is_number()) return Value::real(value.as_real());
  const std::optional<double> real = value.is_string() ? parse_real(value.as_text()) : std::nullopt;
  return real ? Value::real(*real) : named.get("default", Value::real(0));
}

const Value& number(const Value& value) {
  require_defined(value);
  if (!value.is_number()) throw Fault(fmt::format("a {} is no number", type_name(value)));
  return value;
}

Value absolute(Runtime&, const Value& value, const Arguments&) {
  if (!number(value).is_whole()) return Value::real(std::abs(value.as_real()));
  return value.as_int() < 0 ? negated(value) : Value::integer(value.as_int());
}

Value rounded(Runtime&, const Value& value, const Arguments& arguments) {
  const NamedArguments named(arguments, {"precision", "method"});
  constexpr int kMostDigits = 30;
  const auto precision = static_cast<int>(std::min<std::int64_t>(
      kMostDigits, std::max<std::int64_t>(-kMostDigits, named.integer("precision", 0))));
  const std::string_view method = named.text("method", "common");
  number(value);
  if (method == "common") {
    if (value.is_whole() && precision >= 0) return Value::integer(value.as_int());
    const double x = value.as_real();
    if (!std::isfinite(x)) return Value::real(x);
    if (precision >= 0) return Value::real(std::stod(fmt::format("{:.{}f}", x, precision)));
    const double unit = std::pow(10.0, -precision);
    const double result = std::nearbyint(x / unit) * unit;
    return value.is_whole() ? Value::integer(static_cast<std::int64_t>(result))
                            : Value::real(result);
  }
  const double unit = std::pow(10.0, precision);
  if (method == "ceil") return Value::real(std::ceil(value.as_real() * unit) / unit);
  if (method == "floor") return Value::real(std::floor(value.as_real() * unit) / unit);
  throw Fault("rounding is common, ceil or floor");
}

constexpr FilterEntry kFilters[] = {
    {"int", to_int}, {"float", to_float}, {"abs", absolute}, {"round", rounded}};

}  // namespace

std::span<const FilterEntry> number_filters() noexcept { return kFilters; }

}  // namespace lathe::jinja
