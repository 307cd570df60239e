#include "tools/jobs/byte_size.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr double kMost = 1e18;

// 0 for what is no unit.
double unit_of(const std::string& name) {
  const std::pair<const char*, double> units[] = {
      {"", 1.0},    {"b", 1.0},      {"kb", 1e3},     {"mb", 1e6},     {"gb", 1e9},
      {"tb", 1e12}, {"kib", 0x1p10}, {"mib", 0x1p20}, {"gib", 0x1p30}, {"tib", 0x1p40}};
  for (const auto& [unit, bytes] : units) {
    if (name == unit) return bytes;
  }
  return 0.0;
}

}  // namespace

std::uint64_t parse_byte_size(const std::string& text, const char* option) {
  double number = 0.0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, std::chars_format::fixed);
  std::string unit;
  for (const char* p = rest; error == std::errc() && p != end; ++p) {
    if (*p != ' ') unit += *p >= 'A' && *p <= 'Z' ? static_cast<char>(*p + 32) : *p;
  }
  const double bytes = error == std::errc() ? number * unit_of(unit) : 0.0;
  if (!(bytes >= 1.0) || !(bytes <= kMost)) {
    throw usage_error(
        fmt::format("{}: {} is no size; expected bytes, or a number with KB, MB, GB "
                    "(powers of 1000), KiB, MiB or GiB (of 1024)",
                    option, quoted(text)));
  }
  return static_cast<std::uint64_t>(std::floor(bytes));
}

}  // namespace lathe
