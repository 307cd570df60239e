// JSON files of a checkpoint folder: whole, small enough, and not trusted.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace lathe {

// Far more than any tokenizer has (17 MB).
inline constexpr std::size_t kMaxJsonBytes = 256U << 20;

// Whole; nothing where there is no such file. Error (kBadInput) for one that cannot be read or is
// larger than `max_bytes`.
std::optional<std::string> read_small_file(const std::string& path, std::size_t max_bytes);

// Error (kBadInput) for malformed JSON, deep nesting, a key that stands twice.
nlohmann::json read_json_file(const std::string& path);
// Nothing where there is no such file.
std::optional<nlohmann::json> find_json_file(const std::string& path);

}  // namespace lathe
