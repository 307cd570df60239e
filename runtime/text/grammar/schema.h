// The parts that a JSON schema is turned into a grammar with.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace lathe::grammar {

using SchemaJson = nlohmann::ordered_json;  // properties keep their order

// A place in a schema, for messages: "properties.age.minimum".
struct SchemaPath {
  std::string where;  // the file
  std::string path{};

  SchemaPath at(const std::string& key) const {
    return {where, path.empty() ? key : path + "." + key};
  }
  SchemaPath at(std::size_t i) const { return {where, path + "[" + std::to_string(i) + "]"}; }
  [[noreturn]] void fail(const std::string& problem) const;  // Error (kBadInput)
};

// Error for a keyword that is not known, or not supported, and for one with a value of a wrong
// kind. `schema` is an object.
void check_keywords(const SchemaJson& schema, const SchemaPath& path);

// Takes references and combinations apart.
class SchemaResolver {
 public:
  explicit SchemaResolver(const SchemaJson& root) : root_(root) {}

  // What "#/$defs/name" means.
  const SchemaJson& target(const std::string& reference, const SchemaPath& path) const;

  // Schemas without $ref, allOf, anyOf and oneOf, one of which a value must match; none: nothing
  // does.
  std::vector<SchemaJson> alternatives(const SchemaJson& schema, const SchemaPath& path,
                                       int depth = 0) const;

  // Error unless no value can match two of them.
  void check_exclusive(const SchemaJson& list, const SchemaPath& path) const;

 private:
  bool excludes(const SchemaJson& a, const SchemaJson& b, const SchemaPath& path, int depth) const;
  bool plain_excludes(const SchemaJson& a, const SchemaJson& b, const SchemaPath& path,
                      int depth) const;

  const SchemaJson& root_;
  mutable std::size_t n_steps_ = 0;  // against schemas that take for ever
};

// The types that a schema without combinations allows: of "null", "boolean", "integer", "number",
// "string", "array", "object". Where it names none: those that its keywords are about, or all.
std::vector<std::string> types_of(const SchemaJson& schema);

// The values of enum or const that the type allows; nothing where there is neither.
std::optional<std::vector<SchemaJson>> values_of(const SchemaJson& schema);

// Expressions of GBNF, each of which may stand in a sequence.

std::string literal(std::string_view text);

struct NumberBounds {
  std::optional<double> least, most;
  bool above_least = false, below_most = false;  // the bound itself is outside
};
NumberBounds number_bounds(const SchemaJson& schema, const SchemaPath& path);
std::string integer_expression(const NumberBounds& bounds, const SchemaPath& path);
std::string number_expression(const NumberBounds& bounds, const SchemaPath& path);

// The inside of a JSON string, between its quotes.
std::string pattern_expression(const std::string& pattern, const SchemaPath& path);
struct TextLengths {  // in characters
  std::size_t least = 0;
  std::optional<std::size_t> most{};
};
// The name of a rule of json_rules(). Error where not all of its texts have these lengths.
std::string format_expression(const std::string& format, const TextLengths& lengths,
                              const SchemaPath& path);

// Rules that are the same for all schemas: JSON itself, white space, formats.
std::string_view json_rules();

}  // namespace lathe::grammar
