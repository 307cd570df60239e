#include "runtime/text/grammar/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <utility>

#include "runtime/base/json_node.h"
#include "runtime/base/quote.h"
#include "runtime/text/grammar/schema.h"
#include "runtime/text/utf8.h"

namespace lathe::grammar {
namespace {

using Json = SchemaJson;

constexpr std::size_t kMostBytes = 1u << 20;
constexpr int kMostDepth = 100;
constexpr std::size_t kMostRules = 10'000;
constexpr std::size_t kMostKeyLength = 500;  // of names that other keys must not be

std::string json_text(const Json& value) { return value.dump(-1, ' ', false); }

// The letters of a name that a rule's name may have.
std::string rule_name_of(const std::string& path) {
  constexpr std::size_t kMostLetters = 40;
  std::string name = "root-";
  for (const char c : path) {
    const bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (is_plain)
      name += c;
    else if (name.back() != '-')
      name += '-';
  }
  if (name.size() > kMostLetters) name = "root-" + name.substr(name.size() - kMostLetters);
  while (name.back() == '-') name.pop_back();
  return name;
}

std::string times(std::size_t least, std::optional<std::size_t> most) {
  if (!most) return least == 0 ? "*" : fmt::format("{{{},}}", least);
  return least == *most ? fmt::format("{{{}}}", least) : fmt::format("{{{},{}}}", least, *most);
}

std::optional<std::size_t> count_of(const Json& schema, const char* key) {
  if (!schema.contains(key)) return std::nullopt;
  return schema[key].get<std::size_t>();
}

class SchemaWriter {
 public:
  SchemaWriter(const Json& root, const std::string& where)
      : root_(root), path_{where}, resolver_(root) {}

  std::string run() {
    const std::string value = rule_of(root_, path_, 0);
    return fmt::format("root ::= ws {}\n{}{}", value, rules_, json_rules());
  }

 private:
  // The name of the rule for a schema: the same for the same one.
  std::string rule_of(const Json& schema, const SchemaPath& path, int depth) {
    if (depth > kMostDepth) path.fail("schemas are nested too deeply");
    if (schema.is_object() && schema.size() == 1 && schema.contains("$ref")) {
      check_keywords(schema, path);
      const std::string reference = schema["$ref"].get<std::string>();
      return rule_of(resolver_.target(reference, path), {path.where, reference.substr(1)},
                     depth + 1);
    }
    const std::string key = json_text(schema);
    if (const auto it = names_.find(key); it != names_.end()) return it->second;
    const std::string name = new_name(path);
    names_.emplace(key, name);
    const std::vector<Json> alternatives = resolver_.alternatives(schema, path);
    std::string choices;
    for (const Json& plain : alternatives) {
      for (const std::string& choice : plain_choices(plain, path, depth)) {
        choices += (choices.empty() ? "" : " | ") + choice;
      }
    }
    if (choices.empty()) path.fail("no value can match this");
    add_rule(name, choices);
    return name;
  }

  std::string new_name(const SchemaPath& path) {
    if (used_.size() == kMostRules) path.fail("the schema has too many parts");
    std::string name = rule_name_of(path.path);
    if (name == "root") name = "root-value";
    if (used_.contains(name)) name += fmt::format("-{}", used_.size());
    used_.insert(name);
    return name;
  }

  void add_rule(const std::string& name, const std::string& body) {
    rules_ += fmt::format("{} ::= {}\n", name, body);
  }

  // Of a schema without combinations.
  std::vector<std::string> plain_choices(const Json& schema, const SchemaPath& path, int depth) {
    std::vector<std::string> choices;
    if (const auto values = values_of(schema)) {
      check_values_stand_alone(schema, path);
      for (const Json& value : *values) choices.push_back(literal(json_text(value)));
      return choices;
    }
    for (const std::string& type : types_of(schema)) {
      choices.push_back(type_choice(schema, type, path, depth));
    }
    return choices;
  }

  static void check_values_stand_alone(const Json& schema, const SchemaPath& path) {
    for (const auto& [key, unused] : schema.items()) {
      if (key == "enum" || key == "const" || key == "type") continue;
      path.at(key).fail("not supported beside enum or const");
    }
  }

  std::string type_choice(const Json& schema, const std::string& type, const SchemaPath& path,
                          int depth) {
    if (type == "object") return object_choice(schema, path, depth);
    if (type == "array") return array_choice(schema, path, depth);
    if (type == "string") return string_choice(schema, path);
    if (type == "integer" || type == "number") {
      const NumberBounds bounds = number_bounds(schema, path);
      if (!bounds.least && !bounds.most) return "json-" + type;
      return type == "integer" ? integer_expression(bounds, path) : number_expression(bounds, path);
    }
    return "json-" + type;
  }

  std::string string_choice(const Json& schema, const SchemaPath& path) {
    const auto least = count_of(schema, "minLength"), most = count_of(schema, "maxLength");
    const bool has_length = least || most;
    const bool has_pattern = schema.contains("pattern"), has_format = schema.contains("format");
    if (has_pattern && (has_length || has_format)) {
      path.fail("a pattern beside length or format is not supported, expected one of them");
    }
    if (has_pattern) {
      return "\"\\\"\" " +
             pattern_expression(schema["pattern"].get<std::string>(), path.at("pattern")) +
             " \"\\\"\"";
    }
    if (has_format) {
      return "\"\\\"\" " +
             format_expression(schema["format"].get<std::string>(), {least.value_or(0), most},
                               path.at("format")) +
             " \"\\\"\"";
    }
    if (!has_length) return "json-string";
    if (most && *most < least.value_or(0)) path.fail("maxLength is less than minLength");
    return "\"\\\"\" json-char" + times(least.value_or(0), most) + " \"\\\"\"";
  }

  std::string array_choice(const Json& schema, const SchemaPath& path, int depth) {
    const std::size_t least = count_of(schema, "minItems").value_or(0);
    const std::optional<std::size_t> most = count_of(schema, "maxItems");
    if (most && *most < least) path.fail("maxItems is less than minItems");
    std::string first_items;
    std::size_t n = 0;
    if (schema.contains("prefixItems")) {
      const Json& prefix = schema["prefixItems"];
      for (; n < prefix.size() && n < most.value_or(n + 1); ++n) {
        first_items += (n == 0 ? "" : "\",\" ws ") +
                       rule_of(prefix[n], path.at("prefixItems").at(n), depth + 1) + " ";
      }
    }
    const bool is_closed = schema.contains("items") && is_never(schema["items"], path);
    if (is_closed && least > n) path.fail("minItems asks for more items than there may be");
    const std::size_t more_least = least > n ? least - n : 0;
    // Behind first items no others are made unless somebody asks for them.
    std::optional<std::size_t> more_most;
    if (most) more_most = *most - n;
    if (is_closed || (n > 0 && !schema.contains("items"))) more_most = more_least;
    std::string inside = first_items;
    if (more_most.value_or(1) > 0) {
      const std::string item = schema.contains("items")
                                   ? rule_of(schema["items"], path.at("items"), depth + 1)
                                   : "json-value";
      inside = n > 0
                   ? first_items + "(\",\" ws " + item + ")" + times(more_least, more_most) + " ws"
                   : list_of(item, more_least, more_most);
    } else if (n > 0) {
      inside += "ws";
    }
    return "\"[\" ws " + inside + " \"]\"";
  }

  // Items with commas between them, and white space after the last one.
  static std::string list_of(const std::string& item, std::size_t least,
                             std::optional<std::size_t> most) {
    const std::size_t more_least = least > 0 ? least - 1 : 0;
    const std::optional<std::size_t> more_most =
        most ? std::optional<std::size_t>(*most - 1) : std::nullopt;
    const std::string list =
        item + " (\",\" ws " + item + ")" + times(more_least, more_most) + " ws";
    return least > 0 ? list : "(" + list + ")?";
  }

  bool is_never(const Json& schema, const SchemaPath& path) const {
    return resolver_.alternatives(schema, path).empty();
  }

  struct Member {
    std::string expression;
    bool is_required;
  };

  std::string object_choice(const Json& schema, const SchemaPath& path, int depth) {
    std::vector<Member> members;
    std::vector<std::string> named;
    const auto is_required = [&](const std::string& name) {
      if (!schema.contains("required")) return false;
      const Json& list = schema["required"];
      return std::find(list.begin(), list.end(), name) != list.end();
    };
    const auto add = [&](const std::string& name, const Json& value, const SchemaPath& place) {
      named.push_back(name);
      if (is_never(value, place)) {
        if (is_required(name)) place.fail("this is required, and no value can match it");
        return;
      }
      members.push_back({literal(json_text(name) + ":") + " ws " + rule_of(value, place, depth + 1),
                         is_required(name)});
    };
    const bool has_properties = schema.contains("properties");
    if (has_properties) {
      for (const auto& [name, value] : schema["properties"].items()) {
        add(name, value, path.at("properties").at(name));
      }
    }
    const Json others =
        schema.contains("additionalProperties") ? schema["additionalProperties"] : Json(true);
    if (schema.contains("required")) {
      for (const Json& entry : schema["required"]) {
        const std::string name = entry.get<std::string>();
        if (std::find(named.begin(), named.end(), name) != named.end()) continue;
        add(name, others, path.at("required").at(name));
      }
    }
    std::string other;
    const bool makes_others = schema.contains("additionalProperties") || !has_properties;
    const SchemaPath other_path = path.at("additionalProperties");
    if (makes_others && !is_never(others, other_path)) {
      other = other_key(named, path) + " \":\" ws " + rule_of(others, other_path, depth + 1);
    }
    return "\"{\" ws " + members_rule(members, other, path) + " \"}\"";
  }

  // Rules for what may come from each member on, where one was written before and where none was.
  // A member that may be missing is passed over; a comma stands before all but the first.
  std::string members_rule(const std::vector<Member>& members, const std::string& other,
                           const SchemaPath& path) {
    const SchemaPath place = path.at("members");
    std::string rest = "ws", first = "\"\"";
    if (!other.empty()) {
      rest = new_name(place);
      add_rule(rest, "(\",\" ws " + other + ")* ws");
      first = "(" + other + " " + rest + ")?";
    }
    for (auto member = members.rbegin(); member != members.rend(); ++member) {
      const std::string after = rest;
      rest = new_name(place);
      std::string here = "\",\" ws " + member->expression + " " + after;
      std::string here_first = member->expression + " " + after;
      if (!member->is_required) {
        here += " | " + after;
        here_first += " | " + first;
      }
      add_rule(rest, here);
      first = new_name(place);
      add_rule(first, here_first);
    }
    return first;
  }

  // A key in quotes that is none of these: a walk along what they begin with, which leaves it by
  // another character or by an end where none of them ends.
  std::string other_key(const std::vector<std::string>& names, const SchemaPath& path) {
    std::set<std::u32string> known;
    for (const std::string& name : names) {
      std::u32string chars;
      for (std::size_t i = 0; i < name.size();) {
        const Utf8Char c = decode_utf8(name, i);
        chars += c.code_point;
        i += c.length;
      }
      // Keys are made without escapes: one that needs some is not among them.
      if (chars.size() > kMostKeyLength) {
        path.fail(fmt::format("a property's name has more than {} characters", kMostKeyLength));
      }
      const auto needs_escape = [](char32_t c) { return c < 0x20 || c == '"' || c == '\\'; };
      if (std::none_of(chars.begin(), chars.end(), needs_escape)) known.insert(chars);
    }
    return "\"\\\"\" " + key_after({}, known, path);
  }

  std::string key_after(const std::u32string& start, const std::set<std::u32string>& known,
                        const SchemaPath& path) {
    constexpr const char* kPlain = R"(\x22\x5C\x00-\x1F)";
    const std::string any_rest = fmt::format("[^{}]* \"\\\"\"", kPlain);
    const std::string name = new_name(path.at("key"));
    std::set<char32_t> next;
    for (auto it = known.lower_bound(start); it != known.end() && it->starts_with(start); ++it) {
      if (it->size() > start.size()) next.insert((*it)[start.size()]);
    }
    std::string excluded, choices;
    for (const char32_t c : next) {
      const std::string code = fmt::format("\\U{:08X}", static_cast<std::uint32_t>(c));
      excluded += code;
      choices += fmt::format("\"{}\" {} | ", code, key_after(start + c, known, path));
    }
    choices += fmt::format("[^{}{}] {}", kPlain, excluded, any_rest);
    if (!known.contains(start)) choices += " | \"\\\"\"";
    add_rule(name, choices);
    return name;
  }

  const Json& root_;
  SchemaPath path_;
  SchemaResolver resolver_;
  std::map<std::string, std::string> names_;  // of rules, by their schemas
  std::set<std::string> used_;
  std::string rules_;
};

}  // namespace

std::string literal(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += std::string("\\") + c;
    else if (static_cast<unsigned char>(c) < 0x20)
      out += fmt::format("\\x{:02X}", static_cast<unsigned>(c));
    else
      out += c;
  }
  return out + "\"";
}

std::string gbnf_of_json_schema(std::string_view text, const std::string& where) {
  const SchemaPath path{where};
  if (text.size() > kMostBytes) {
    path.fail(fmt::format("a schema of {} bytes, expected at most {}", text.size(), kMostBytes));
  }
  parse_strict_json(text, where, kMostDepth);
  return SchemaWriter(Json::parse(text), where).run();
}

}  // namespace lathe::grammar
