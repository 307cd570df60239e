// A JSON value of an untrusted file and where it stands, so that every refusal says both.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lathe {

class JsonNode {
 public:
  JsonNode(const nlohmann::json& json, std::string file) : json_(&json), file_(std::move(file)) {}

  // Error (kBadInput): "plan.json: tensors[3].shape: PROBLEM".
  [[noreturn]] void fail(const std::string& problem) const;

  JsonNode at(const char* key) const;  // Error when it is missing
  std::optional<JsonNode> find(const char* key) const;
  std::vector<JsonNode> elements() const;                         // of an array
  std::vector<std::string> keys() const;                          // of an object
  std::vector<std::pair<std::string, JsonNode>> members() const;  // of an object
  // Error unless this is an object with no other keys.
  void check_keys(std::initializer_list<std::string_view> known) const;

  // Error for a value of another kind.
  const std::string& text() const;
  std::uint64_t uint(std::uint64_t max) const;
  bool boolean() const;
  double real() const;         // any number
  std::string number() const;  // as it is written in JSON
  std::string kind() const;    // "array", "string", ...

  bool is_null() const noexcept;
  bool is_text() const noexcept;
  bool is_array() const noexcept;
  bool is_object() const noexcept;
  bool is_whole() const noexcept;  // a number that uint() may give

 private:
  JsonNode(const nlohmann::json& json, std::string file, std::string path)
      : json_(&json), file_(std::move(file)), path_(std::move(path)) {}

  const nlohmann::json* json_;
  std::string file_;
  std::string path_;  // "tensors[3].shape"; empty for the whole
};

// Error (kBadInput) for malformed JSON, a key that stands twice in an object (readers would keep
// the last one), nesting deeper than max_depth.
nlohmann::json parse_strict_json(std::string_view text, const std::string& file, int max_depth);

}  // namespace lathe
