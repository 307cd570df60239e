#include "tools/report/units.h"

#include <fmt/core.h>

namespace lathe {

std::string bytes_text(std::uint64_t bytes) {
  const double n = static_cast<double>(bytes);
  if (bytes < 1'000) return fmt::format("{} bytes", bytes);
  if (bytes < 1'000'000) return fmt::format("{:.2f} kB", n / 1e3);
  if (bytes < 1'000'000'000) return fmt::format("{:.2f} MB", n / 1e6);
  return bytes < 1'000'000'000'000 ? fmt::format("{:.2f} GB", n / 1e9)
                                   : fmt::format("{:.2f} TB", n / 1e12);
}

std::string parameters_text(std::uint64_t n) {
  const double value = static_cast<double>(n);
  return n < 1'000'000'000 ? fmt::format("{:.2f} M", value / 1e6)
                           : fmt::format("{:.2f} B", value / 1e9);
}

}  // namespace lathe
