// Whether a JSON value matches a JSON schema, written from the specification (draft 2020-12) and
// not from the code under test: only the keywords that the tests use. Formats are not looked at;
// patterns are std::regex's ECMAScript, and skipped beyond ASCII, which it does not know.
#pragma once

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <regex>
#include <string>

#include "runtime/text/utf8.h"

namespace lathe::test {

class SchemaValidator {
 public:
  using Json = nlohmann::json;

  explicit SchemaValidator(const Json& root) : root_(root) {}

  bool matches(const Json& value) const { return matches(value, root_); }

 private:
  static bool is_type(const Json& v, const std::string& type) {
    if (type == "integer") return v.is_number() && v.get<double>() == std::floor(v.get<double>());
    if (type == "number") return v.is_number();
    if (type == "boolean") return v.is_boolean();
    return v.type_name() == type;
  }

  static std::size_t n_chars(const std::string& text) {
    return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
  }

  bool matches(const Json& v, const Json& s) const {
    if (s.is_boolean()) return s.get<bool>();
    if (s.contains("$ref")) {
      const std::string pointer = s["$ref"].get<std::string>().substr(1);
      if (!matches(v, root_.at(Json::json_pointer(pointer)))) return false;
    }
    if (s.contains("type")) {
      const Json list = s["type"].is_array() ? s["type"] : Json::array({s["type"]});
      if (std::none_of(list.begin(), list.end(), [&](const Json& t) { return is_type(v, t); })) {
        return false;
      }
    }
    if (s.contains("const") && v != s["const"]) return false;
    if (s.contains("enum") && std::find(s["enum"].begin(), s["enum"].end(), v) == s["enum"].end()) {
      return false;
    }
    if (n_matching(v, s, "allOf") != (s.contains("allOf") ? s["allOf"].size() : 0)) return false;
    if (s.contains("anyOf") && n_matching(v, s, "anyOf") == 0) return false;
    if (s.contains("oneOf") && n_matching(v, s, "oneOf") != 1) return false;
    if (v.is_number()) return number_matches(v.get<double>(), s);
    if (v.is_string()) return string_matches(v.get<std::string>(), s);
    if (v.is_array()) return array_matches(v, s);
    if (v.is_object()) return object_matches(v, s);
    return true;
  }

  std::size_t n_matching(const Json& v, const Json& s, const char* key) const {
    if (!s.contains(key)) return 0;
    return static_cast<std::size_t>(std::count_if(
        s[key].begin(), s[key].end(), [&](const Json& one) { return matches(v, one); }));
  }

  static bool number_matches(double v, const Json& s) {
    return !(s.contains("minimum") && v < s["minimum"].get<double>()) &&
           !(s.contains("maximum") && v > s["maximum"].get<double>()) &&
           !(s.contains("exclusiveMinimum") && v <= s["exclusiveMinimum"].get<double>()) &&
           !(s.contains("exclusiveMaximum") && v >= s["exclusiveMaximum"].get<double>());
  }

  static bool string_matches(const std::string& v, const Json& s) {
    const bool is_ascii = std::all_of(v.begin(), v.end(),
                                      [](char c) { return static_cast<unsigned char>(c) < 0x80; });
    if (s.contains("pattern") && is_ascii &&
        !std::regex_search(v, std::regex(s["pattern"].get<std::string>()))) {
      return false;
    }
    return !(s.contains("minLength") && n_chars(v) < s["minLength"].get<std::size_t>()) &&
           !(s.contains("maxLength") && n_chars(v) > s["maxLength"].get<std::size_t>());
  }

  bool array_matches(const Json& v, const Json& s) const {
    if (s.contains("minItems") && v.size() < s["minItems"].get<std::size_t>()) return false;
    if (s.contains("maxItems") && v.size() > s["maxItems"].get<std::size_t>()) return false;
    const std::size_t n_first = s.contains("prefixItems") ? s["prefixItems"].size() : 0;
    for (std::size_t i = 0; i < v.size(); ++i) {
      if (i < n_first && !matches(v[i], s["prefixItems"][i])) return false;
      if (i >= n_first && s.contains("items") && !matches(v[i], s["items"])) return false;
    }
    return true;
  }

  bool object_matches(const Json& v, const Json& s) const {
    for (const Json& name : s.value("required", Json::array())) {
      if (!v.contains(name.get<std::string>())) return false;
    }
    const Json properties = s.value("properties", Json::object());
    for (const auto& [name, member] : v.items()) {
      const bool is_named = properties.contains(name);
      if (is_named && !matches(member, properties[name])) return false;
      if (!is_named && s.contains("additionalProperties") &&
          !matches(member, s["additionalProperties"])) {
        return false;
      }
    }
    return true;
  }

  const Json& root_;
};

}  // namespace lathe::test
