#include "runtime/checkpoint/json_file.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "runtime/base/json_node.h"
#include "runtime/base/mapped_file.h"

namespace lathe {
namespace {

constexpr int kMaxDepth = 64;

std::string whole_file(const std::string& path, std::size_t max_bytes) {
  std::error_code ignored;
  if (std::filesystem::is_regular_file(path, ignored) &&
      std::filesystem::file_size(path, ignored) == 0) {
    return {};
  }
  const MappedFile file(path);
  const auto bytes = file.bytes();
  if (bytes.size() > max_bytes) {
    throw bad_input(path, fmt::format("{} bytes, at most {} are read", bytes.size(), max_bytes));
  }
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace

std::optional<std::string> read_small_file(const std::string& path, std::size_t max_bytes) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return std::nullopt;
  return whole_file(path, max_bytes);
}

nlohmann::json read_json_file(const std::string& path) {
  return parse_strict_json(whole_file(path, kMaxJsonBytes), path, kMaxDepth);
}

std::optional<nlohmann::json> find_json_file(const std::string& path) {
  const auto text = read_small_file(path, kMaxJsonBytes);
  if (!text) return std::nullopt;
  return parse_strict_json(*text, path, kMaxDepth);
}

}  // namespace lathe
