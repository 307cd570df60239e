#include "runtime/gguf/split_name.h"

#include <fmt/format.h>

namespace lathe {
namespace {

constexpr std::size_t kDigits = 5;

std::optional<std::uint32_t> parse_digits(std::string_view text) {
  std::uint32_t n = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + static_cast<std::uint32_t>(c - '0');
  }
  return n;
}

}  // namespace

std::optional<SplitName> parse_split_name(std::string_view path) {
  static constexpr std::string_view kOf = "-of-";
  static constexpr std::string_view kSuffix = ".gguf";
  static constexpr std::size_t kTail = 1 + kDigits + kOf.size() + kDigits + kSuffix.size();
  if (path.size() < kTail || !path.ends_with(kSuffix)) return std::nullopt;
  const std::string_view prefix = path.substr(0, path.size() - kTail);
  const std::string_view tail = path.substr(prefix.size());
  if (tail[0] != '-' || tail.substr(1 + kDigits, kOf.size()) != kOf) return std::nullopt;
  const auto number = parse_digits(tail.substr(1, kDigits));
  const auto count = parse_digits(tail.substr(1 + kDigits + kOf.size(), kDigits));
  if (!number || !count || *number == 0 || *number > *count) return std::nullopt;
  return SplitName{std::string(prefix), *number - 1, *count};
}

std::string split_path(std::string_view prefix, std::uint32_t index, std::uint32_t count) {
  return fmt::format("{}-{:05}-of-{:05}.gguf", prefix, index + 1, count);
}

}  // namespace lathe
