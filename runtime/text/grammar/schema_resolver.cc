// References and combinations: what of a schema is decided before it is a grammar.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/text/grammar/schema.h"

namespace lathe::grammar {
namespace {

using Json = SchemaJson;

constexpr int kMostDepth = 40;  // of references and combinations in each other
constexpr std::size_t kMostAlternatives = 200;
constexpr std::size_t kMostSteps = 200'000;

// Those of the specification, and what OpenAPI and its like add.
constexpr std::string_view kAnnotations[] = {"$schema",
                                             "$id",
                                             "id",
                                             "$comment",
                                             "$anchor",
                                             "$defs",
                                             "title",
                                             "default",
                                             "examples",
                                             "example",
                                             "description",
                                             "definitions",
                                             "readOnly",
                                             "writeOnly",
                                             "deprecated",
                                             "xml",
                                             "externalDocs",
                                             "contentEncoding",
                                             "contentMediaType",
                                             "contentSchema",
                                             "discriminator",
                                             "propertyOrdering"};
bool is_annotation(std::string_view key) {
  return std::find(std::begin(kAnnotations), std::end(kAnnotations), key) !=
             std::end(kAnnotations) ||
         key.starts_with("x-");
}

constexpr std::string_view kCombinations[] = {"$ref", "allOf", "anyOf", "oneOf"};

struct Keyword {
  std::string_view name;
  std::string_view type;  // that it is about; empty: all
};
constexpr Keyword kKeywords[] = {
    {"type", ""},
    {"enum", ""},
    {"const", ""},
    {"properties", "object"},
    {"required", "object"},
    {"additionalProperties", "object"},
    {"items", "array"},
    {"prefixItems", "array"},
    {"minItems", "array"},
    {"maxItems", "array"},
    {"minLength", "string"},
    {"maxLength", "string"},
    {"pattern", "string"},
    {"format", "string"},
    {"minimum", "number"},
    {"maximum", "number"},
    {"exclusiveMinimum", "number"},
    {"exclusiveMaximum", "number"},
};
constexpr std::string_view kTypes[] = {"null",   "boolean", "integer", "number",
                                       "string", "array",   "object"};

template <typename List>
bool contains(const List& list, std::string_view name) {
  return std::find(std::begin(list), std::end(list), name) != std::end(list);
}

bool is_count(const Json& value) { return value.is_number_unsigned(); }

bool is_list_of_texts(const Json& value) {
  return value.is_array() &&
         std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_string(); });
}

void check_value(const std::string& key, const Json& value, const SchemaPath& path) {
  const auto require = [&](bool holds, const char* expected) {
    if (!holds) path.at(key).fail(std::string("expected ") + expected);
  };
  if (key == "type") {
    const Json list = value.is_array() ? value : Json::array({value});
    require(!list.empty() && is_list_of_texts(list), "a type or a list of types");
    for (const Json& type : list) {
      if (contains(kTypes, type.get<std::string>())) continue;
      path.at(key).fail("there is no type " + quoted(type.get<std::string>()) +
                        ", expected null, boolean, integer, number, string, array or object");
    }
  } else if (key == "enum" || key == "allOf" || key == "anyOf" || key == "oneOf") {
    require(value.is_array() && !value.empty(), "a list that is not empty");
  } else if (key == "properties") {
    require(value.is_object(), "an object");
  } else if (key == "required") {
    require(is_list_of_texts(value), "a list of names");
  } else if (key == "prefixItems") {
    require(value.is_array(), "a list of schemas");
  } else if (key == "items") {
    require(!value.is_array(), "a schema (a list of them stands alone, or is prefixItems)");
  } else if (key.starts_with("min") || key.starts_with("max")) {
    if (key == "minimum" || key == "maximum") return;
    require(is_count(value), "a whole number, 0 or more");
  } else if (key == "pattern" || key == "format" || key == "$ref") {
    require(value.is_string(), "a text");
  }
}

std::vector<std::string> listed_types(const Json& schema) {
  if (!schema.contains("type")) return {};
  const Json& type = schema["type"];
  if (type.is_string()) return {type.get<std::string>()};
  return type.get<std::vector<std::string>>();
}

bool is_of_type(const Json& value, std::string_view type) {
  if (type == "null") return value.is_null();
  if (type == "boolean") return value.is_boolean();
  if (type == "string") return value.is_string();
  if (type == "array") return value.is_array();
  if (type == "object") return value.is_object();
  if (!value.is_number()) return false;
  if (type == "number" || value.is_number_integer()) return true;
  return value.get<double>() == std::floor(value.get<double>());
}

// Whatever the order of members, and whether 1 is written 1.0.
bool are_same(const Json& a, const Json& b) { return nlohmann::json(a) == nlohmann::json(b); }

bool has_value(const std::vector<Json>& values, const Json& value) {
  return std::any_of(values.begin(), values.end(),
                     [&](const Json& one) { return are_same(one, value); });
}

// Both types at once; integers are numbers.
std::vector<std::string> common_types(const std::vector<std::string>& a,
                                      const std::vector<std::string>& b) {
  std::vector<std::string> out;
  const auto has = [](const std::vector<std::string>& list, const std::string& type) {
    return contains(list, type) || (type == "integer" && contains(list, "number"));
  };
  for (const std::string_view name : kTypes) {
    const std::string type(name);
    if (has(a, type) && has(b, type) && !(type == "integer" && contains(out, "number"))) {
      out.push_back(type);
    }
  }
  return out;
}

bool is_anything(const Json& schema) {
  return schema == true || (schema.is_object() && schema.empty());
}

// A schema of what both allow, resolved when it is looked at.
Json both_of(const Json& a, const Json& b) {
  if (a == b || is_anything(b)) return a;
  if (is_anything(a)) return b;
  Json list = Json::array();
  for (const Json* part : {&a, &b}) {
    const bool is_list = part->is_object() && part->size() == 1 && part->contains("allOf");
    for (const Json& one : is_list ? (*part)["allOf"] : Json::array({*part})) {
      if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(one);
    }
  }
  return {{"allOf", list}};
}

// What a schema says of a member that it does not name.
Json other_members(const Json& schema) {
  return schema.contains("additionalProperties") ? schema["additionalProperties"] : Json(true);
}

void merge_members(const Json& a, const Json& b, Json& out) {
  Json members = Json::object();
  const auto member_of = [](const Json& schema, const std::string& name) {
    const bool is_named = schema.contains("properties") && schema["properties"].contains(name);
    return is_named ? schema["properties"][name] : other_members(schema);
  };
  for (const Json* schema : {&a, &b}) {
    if (!schema->contains("properties")) continue;
    for (const auto& [name, unused] : (*schema)["properties"].items()) {
      if (!members.contains(name)) members[name] = both_of(member_of(a, name), member_of(b, name));
    }
  }
  if (a.contains("properties") || b.contains("properties")) out["properties"] = members;
  if (a.contains("additionalProperties") || b.contains("additionalProperties")) {
    const Json others = both_of(other_members(a), other_members(b));
    out["additionalProperties"] = others.is_object() && others.contains("allOf") &&
                                          std::find(others["allOf"].begin(), others["allOf"].end(),
                                                    Json(false)) != others["allOf"].end()
                                      ? Json(false)
                                      : others;
  }
}

std::optional<Json> merged_values(const Json& a, const Json& b) {
  const auto x = values_of(a), y = values_of(b);
  if (!x && !y) return std::nullopt;
  if (!x || !y) return Json(x ? *x : *y);
  Json common = Json::array();
  for (const Json& value : *x) {
    if (has_value(*y, value)) common.push_back(value);
  }
  return common;
}

// One of two limits: the stricter.
void merge_limit(const Json& a, const Json& b, const std::string& key, Json& out) {
  const bool is_least = key.starts_with("min") || key == "exclusiveMinimum";
  const bool takes_a = is_least ? a[key] > b[key] : a[key] < b[key];
  out[key] = takes_a ? a[key] : b[key];
}

// What both plain schemas allow; nothing where that is nothing.
std::optional<Json> merged(const Json& a, const Json& b, const SchemaPath& path) {
  Json out = a;
  for (const auto& [key, value] : b.items()) {
    if (!a.contains(key)) out[key] = value;
  }
  if (a.contains("type") && b.contains("type")) {
    const std::vector<std::string> types = common_types(listed_types(a), listed_types(b));
    if (types.empty()) return std::nullopt;
    out["type"] = types;
  }
  merge_members(a, b, out);
  if (const auto values = merged_values(a, b)) {
    if (values->empty()) return std::nullopt;
    out.erase("const");
    out["enum"] = *values;
  }
  for (const auto& [key, value] : b.items()) {
    if (!a.contains(key) || a[key] == value) continue;
    if (key == "required") {
      for (const Json& name : value) {
        if (!contains(out[key], name.get<std::string>())) out[key].push_back(name);
      }
    } else if (key == "items") {
      out[key] = both_of(a[key], value);
    } else if (key.starts_with("min") || key.starts_with("max") || key.starts_with("exclusive")) {
      merge_limit(a, b, key, out);
    } else if (key == "pattern" || key == "format" || key == "prefixItems") {
      path.at(key).fail("two of them for one value are not supported");
    }
  }
  // Items of one beside the first items of the other would be of either.
  const auto splits = [](const Json& x, const Json& y) {
    return x.contains("prefixItems") && !y.contains("prefixItems") && y.contains("items");
  };
  if (splits(a, b) || splits(b, a)) path.at("items").fail("not supported beside prefixItems");
  return out;
}

bool requires_member(const Json& schema, const std::string& name) {
  return schema.contains("required") && contains(schema["required"], name);
}

// Whether the grammar makes members of this name (SchemaWriter::object_choice).
bool makes_member(const Json& schema, const std::string& name) {
  if (requires_member(schema, name)) return true;
  if (!schema.contains("properties")) return other_members(schema) != false;
  if (schema["properties"].contains(name)) return schema["properties"][name] != false;
  return schema.contains("additionalProperties") && schema["additionalProperties"] != false;
}

// Whether no object that is made for one has all that the other requires.
bool lacks_required(const Json& made, const Json& other) {
  if (!other.contains("required")) return false;
  const Json& names = other["required"];
  return std::any_of(names.begin(), names.end(), [&](const Json& name) {
    return !makes_member(made, name.get<std::string>());
  });
}

// Older drafts list first items as `items`, with `additionalItems` for the rest, and say with true
// that a bound itself is outside.
Json in_terms_of_2020(const Json& schema) {
  if (!schema.is_object()) return schema;
  Json out = schema;
  if (schema.contains("items") && schema["items"].is_array() && !schema.contains("prefixItems")) {
    out["prefixItems"] = schema["items"];
    out.erase("items");
    if (schema.contains("additionalItems")) out["items"] = schema["additionalItems"];
  }
  out.erase("additionalItems");  // beside one schema of all items it says nothing
  for (const auto& [bound, exclusive] :
       {std::pair("minimum", "exclusiveMinimum"), std::pair("maximum", "exclusiveMaximum")}) {
    if (!schema.contains(exclusive) || !schema[exclusive].is_boolean()) continue;
    out.erase(exclusive);
    if (schema[exclusive] == false || !schema.contains(bound)) continue;
    out[exclusive] = schema[bound];
    out.erase(bound);
  }
  return out;
}

}  // namespace

void SchemaPath::fail(const std::string& problem) const {
  throw bad_input(where, path.empty() ? problem : printable(path) + ": " + problem);
}

void check_keywords(const Json& schema, const SchemaPath& path) {
  for (const auto& [key, value] : schema.items()) {
    const auto is_key = [&](const Keyword& k) { return k.name == key; };
    if (is_annotation(key)) continue;
    if (key == "nullable" && value == true) {
      path.at(key).fail(
          "a keyword of OpenAPI that JSON schema does not have; expected \"type\": "
          "[..., \"null\"]");
    }
    const bool is_known = contains(kCombinations, key) ||
                          std::any_of(std::begin(kKeywords), std::end(kKeywords), is_key);
    const bool says_nothing = (key == "uniqueItems" && value == false) ||
                              (key == "minProperties" && value == 0) ||
                              (key == "nullable" && value == false);
    if (says_nothing) continue;
    if (!is_known) path.at(key).fail("this keyword is not supported");
    check_value(key, value, path);
  }
}

const Json& SchemaResolver::target(const std::string& reference, const SchemaPath& path) const {
  if (!reference.starts_with('#')) {
    path.at("$ref").fail(quoted(reference) +
                         " is not supported, expected a reference into this schema: #/...");
  }
  if (reference == "#") return root_;
  try {
    const Json::json_pointer pointer(reference.substr(1));
    if (root_.contains(pointer)) return root_.at(pointer);
  } catch (const Json::exception&) {
    // told below
  }
  path.at("$ref").fail("there is no " + quoted(reference) + " in this schema");
}

std::vector<Json> SchemaResolver::alternatives(const Json& given, const SchemaPath& path,
                                               int depth) const {
  const Json schema = in_terms_of_2020(given);
  if (schema.is_boolean())
    return schema == true ? std::vector<Json>{Json::object()} : std::vector<Json>{};
  if (!schema.is_object()) path.fail("expected a schema: an object, true or false");
  if (depth > kMostDepth) path.fail("references and combinations are nested too deeply");
  if (++n_steps_ > kMostSteps) path.fail("too many references and combinations");
  check_keywords(schema, path);
  Json plain = Json::object();
  for (const auto& [key, value] : schema.items()) {
    const auto is_key = [&](const Keyword& k) { return k.name == key; };
    if (std::any_of(std::begin(kKeywords), std::end(kKeywords), is_key)) plain[key] = value;
  }
  std::vector<Json> found = {plain};
  const auto meet = [&](const std::vector<Json>& others) {
    std::vector<Json> both;
    for (const Json& a : found) {
      for (const Json& b : others) {
        if (auto one = merged(a, b, path)) both.push_back(std::move(*one));
      }
    }
    if (both.size() > kMostAlternatives) {
      path.fail(fmt::format("more than {} combinations", kMostAlternatives));
    }
    found = std::move(both);
  };
  if (schema.contains("$ref")) {
    meet(alternatives(target(schema["$ref"].get<std::string>(), path), path, depth + 1));
  }
  if (schema.contains("allOf")) {
    for (std::size_t i = 0; i < schema["allOf"].size(); ++i) {
      meet(alternatives(schema["allOf"][i], path.at("allOf").at(i), depth + 1));
    }
  }
  for (const char* key : {"anyOf", "oneOf"}) {
    if (!schema.contains(key)) continue;
    if (key == std::string_view("oneOf")) check_exclusive(schema[key], path.at(key));
    std::vector<Json> choices;
    for (std::size_t i = 0; i < schema[key].size(); ++i) {
      for (Json& one : alternatives(schema[key][i], path.at(key).at(i), depth + 1)) {
        choices.push_back(std::move(one));
      }
      if (choices.size() > kMostAlternatives) {
        path.at(key).fail(fmt::format("more than {} alternatives", kMostAlternatives));
      }
    }
    meet(choices);
  }
  return found;
}

void SchemaResolver::check_exclusive(const Json& list, const SchemaPath& path) const {
  for (std::size_t i = 0; i < list.size(); ++i) {
    for (std::size_t j = i + 1; j < list.size(); ++j) {
      if (excludes(list[i], list[j], path, 0)) continue;
      path.fail(
          fmt::format("[{}] and [{}] may both match a value, which oneOf forbids; expected "
                      "different types, a required property with different const values, or "
                      "required properties of each that the other does not have (or anyOf)",
                      i, j));
    }
  }
}

bool SchemaResolver::excludes(const Json& a, const Json& b, const SchemaPath& path,
                              int depth) const {
  if (depth > 4) return false;
  for (const Json& x : alternatives(a, path)) {
    for (const Json& y : alternatives(b, path)) {
      if (!plain_excludes(x, y, path, depth)) return false;
    }
  }
  return true;
}

// A value that lacks a type's keyword may be of any other type, so only written types count.
bool SchemaResolver::plain_excludes(const Json& a, const Json& b, const SchemaPath& path,
                                    int depth) const {
  const auto x = values_of(a), y = values_of(b);
  if (x && y) {
    return std::none_of(x->begin(), x->end(), [&](const Json& v) { return has_value(*y, v); });
  }
  const auto values_exclude = [](const std::vector<Json>& values, const Json& schema) {
    const std::vector<std::string> types = listed_types(schema);
    return !types.empty() && std::none_of(values.begin(), values.end(), [&](const Json& value) {
      return std::any_of(types.begin(), types.end(),
                         [&](const std::string& type) { return is_of_type(value, type); });
    });
  };
  if (x) return values_exclude(*x, b);
  if (y) return values_exclude(*y, a);
  const std::vector<std::string> types_a = listed_types(a), types_b = listed_types(b);
  if (types_a.empty() || types_b.empty()) return false;
  const std::vector<std::string> types = common_types(types_a, types_b);
  if (types.empty()) return true;
  if (types != std::vector<std::string>{"object"}) return false;
  if (lacks_required(a, b) && lacks_required(b, a)) return true;
  if (!a.contains("properties") || !b.contains("properties")) return false;
  for (const auto& [name, schema] : a["properties"].items()) {
    if (b["properties"].contains(name) && requires_member(a, name) && requires_member(b, name) &&
        excludes(schema, b["properties"][name], path, depth + 1)) {
      return true;
    }
  }
  return false;
}

std::vector<std::string> types_of(const Json& schema) {
  if (schema.contains("type")) {
    std::vector<std::string> types = listed_types(schema);
    // An integer is a number.
    if (contains(types, "number")) std::erase(types, "integer");
    std::vector<std::string> once;
    for (const std::string& type : types) {
      if (!contains(once, type)) once.push_back(type);
    }
    return once;
  }
  std::vector<std::string> types;
  for (const Keyword& keyword : kKeywords) {
    const std::string type(keyword.type);
    const bool is_told = !type.empty() && schema.contains(keyword.name);
    if (is_told && !contains(types, type)) types.push_back(type);
  }
  if (types.empty()) types = {"null", "boolean", "number", "string", "array", "object"};
  return types;
}

std::optional<std::vector<Json>> values_of(const Json& schema) {
  std::vector<Json> values;
  if (schema.contains("enum")) {
    values = schema["enum"].get<std::vector<Json>>();
    if (schema.contains("const")) {
      std::erase_if(values, [&](const Json& v) { return !are_same(v, schema["const"]); });
    }
  } else if (schema.contains("const")) {
    values = {schema["const"]};
  } else {
    return std::nullopt;
  }
  const std::vector<std::string> types = listed_types(schema);
  std::erase_if(values, [&](const Json& value) {
    return !types.empty() && std::none_of(types.begin(), types.end(), [&](const std::string& type) {
      return is_of_type(value, type);
    });
  });
  return values;
}

}  // namespace lathe::grammar
