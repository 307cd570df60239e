#include "tools/jobs/release/toml_file.h"

#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <numeric>

#include "runtime/base/error.h"
#include "runtime/base/mapped_file.h"
#include "runtime/base/quote.h"

namespace lathe {
namespace {

constexpr int kDeepest = 32;  // tables in tables: a recipe has two

Error error_at(const std::string& path, std::size_t line, const std::string& what) {
  return bad_input(fmt::format("{}, line {}", path, line), what);
}

TomlNode converted(const toml::node& from, const std::string& path, int depth) {
  TomlNode out{.line = from.source().begin.line};
  if (depth > kDeepest) throw error_at(path, out.line, "tables and lists are nested too deep");
  if (const auto* text = from.as_string()) {
    out.kind = TomlNode::Kind::kText;
    out.text = text->get();
  } else if (const auto* integer = from.as_integer()) {
    out.kind = TomlNode::Kind::kInteger;
    out.integer = integer->get();
  } else if (const auto* real = from.as_floating_point()) {
    out.kind = TomlNode::Kind::kReal;
    out.real = real->get();
  } else if (const auto* boolean = from.as_boolean()) {
    out.kind = TomlNode::Kind::kBoolean;
    out.boolean = boolean->get();
  } else if (const auto* list = from.as_array()) {
    out.kind = TomlNode::Kind::kList;
    for (const toml::node& item : *list) out.items.push_back(converted(item, path, depth + 1));
  } else if (const auto* table = from.as_table()) {
    out.kind = TomlNode::Kind::kTable;
    for (const auto& [key, value] : *table) {
      out.members.emplace_back(std::string(key.str()), converted(value, path, depth + 1));
    }
  }
  return out;
}

const char* kind_words(TomlNode::Kind kind) noexcept {
  switch (kind) {
    case TomlNode::Kind::kText:
      return "a text";
    case TomlNode::Kind::kInteger:
      return "a whole number";
    case TomlNode::Kind::kReal:
      return "a number with a point";
    case TomlNode::Kind::kBoolean:
      return "true or false";
    case TomlNode::Kind::kList:
      return "a list";
    case TomlNode::Kind::kTable:
      return "a table";
    case TomlNode::Kind::kOther:
      break;
  }
  return "a date or time";
}

// Levenshtein: insertions, deletions and replacements from one to the other.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row.back();
}

}  // namespace

TomlNode parse_toml(std::string_view text, const std::string& path) {
  const toml::parse_result parsed = toml::parse(text, std::string_view(path));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    throw error_at(path, error.source().begin.line,
                   "no TOML: " + printable(error.description(), 300));
  }
  TomlNode out = converted(parsed.table(), path, 0);
  out.line = 1;
  return out;
}

TomlNode read_toml(const std::string& path) {
  const MappedFile file(path);
  const auto bytes = file.bytes();
  return parse_toml({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path);
}

std::string nearest_name(std::string_view text, const std::set<std::string, std::less<>>& names) {
  std::string nearest;
  std::size_t least = std::max<std::size_t>(2, text.size() / 3) + 1;
  if (text.size() > 64) return nearest;
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(text, name);
    if (distance < least) {
      least = distance;
      nearest = name;
    }
  }
  return nearest;
}

TomlTable::TomlTable(const TomlNode& node, std::string path, std::string name)
    : node_(&node), path_(std::move(path)), name_(std::move(name)) {
  if (node.kind == TomlNode::Kind::kTable) return;
  throw error_at(path_, node.line,
                 fmt::format("{}: expected a table, found {}", name_, kind_words(node.kind)));
}

const TomlNode* TomlTable::find(std::string_view key) const noexcept {
  for (const auto& [name, value] : node_->members) {
    if (name == key) return &value;
  }
  return nullptr;
}

const TomlNode* TomlTable::node(std::string_view key) {
  asked_.emplace(key);
  return find(key);
}

bool TomlTable::has(std::string_view key) { return node(key) != nullptr; }

std::size_t TomlTable::line(std::string_view key) const {
  const TomlNode* found = find(key);
  return found == nullptr ? node_->line : found->line;
}

std::string TomlTable::full_name(std::string_view key) const {
  if (key.empty()) return name_;
  return name_.empty() ? std::string(key) : fmt::format("{} of {}", key, name_);
}

void TomlTable::fail(std::string_view key, const std::string& problem) const {
  throw error_at(path_, line(key), fmt::format("{}: {}", full_name(key), problem));
}

void TomlTable::fail_kind(std::string_view key, const TomlNode& found, const char* expected) const {
  throw error_at(
      path_, found.line,
      fmt::format("{}: expected {}, found {}", full_name(key), expected, kind_words(found.kind)));
}

std::optional<std::string> TomlTable::text(std::string_view key) {
  const TomlNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (found->kind != TomlNode::Kind::kText) fail_kind(key, *found, "a text");
  return found->text;
}

std::optional<std::int64_t> TomlTable::integer(std::string_view key, std::int64_t low,
                                               std::int64_t high) {
  const TomlNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (found->kind != TomlNode::Kind::kInteger) fail_kind(key, *found, "a whole number");
  if (found->integer < low || found->integer > high) {
    fail(key, fmt::format("{} is not from {} to {}", found->integer, low, high));
  }
  return found->integer;
}

std::optional<bool> TomlTable::boolean(std::string_view key) {
  const TomlNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (found->kind != TomlNode::Kind::kBoolean) fail_kind(key, *found, "true or false");
  return found->boolean;
}

std::optional<std::vector<std::string>> TomlTable::texts(std::string_view key) {
  const TomlNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  if (found->kind == TomlNode::Kind::kText) return std::vector<std::string>{found->text};
  if (found->kind != TomlNode::Kind::kList) fail_kind(key, *found, "a text or a list of texts");
  std::vector<std::string> out;
  for (const TomlNode& item : found->items) {
    if (item.kind != TomlNode::Kind::kText) fail_kind(key, item, "a list of texts");
    out.push_back(item.text);
  }
  return out;
}

std::optional<std::string> TomlTable::number_list(std::string_view key) {
  const TomlNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  const std::vector<TomlNode> one = {*found};
  const bool is_list = found->kind == TomlNode::Kind::kList;
  std::string out;
  for (const TomlNode& item : is_list ? found->items : one) {
    const bool is_number = item.kind == TomlNode::Kind::kInteger;
    if (!is_number && item.kind != TomlNode::Kind::kText) {
      fail_kind(key, item, "a list of whole numbers");
    }
    out += (out.empty() ? "" : ",") + (is_number ? std::to_string(item.integer) : item.text);
  }
  return out;
}

std::vector<TomlTable> TomlTable::tables(std::string_view key) {
  std::vector<TomlTable> out;
  const TomlNode* found = node(key);
  if (found == nullptr) return out;
  if (found->kind != TomlNode::Kind::kList) {
    fail_kind(key, *found, fmt::format("a table [[{}]]", key).c_str());
  }
  for (std::size_t i = 0; i < found->items.size(); ++i) {
    out.emplace_back(found->items[i], path_, fmt::format("[[{}]] {}", key, i + 1));
  }
  return out;
}

std::optional<TomlTable> TomlTable::table(std::string_view key) {
  const TomlNode* found = node(key);
  if (found == nullptr) return std::nullopt;
  return TomlTable(*found, path_, fmt::format("[{}]", key));
}

void TomlTable::refuse_unknown() const {
  const std::pair<std::string, TomlNode>* first = nullptr;
  for (const auto& member : node_->members) {
    if (asked_.contains(member.first)) continue;
    if (first == nullptr || member.second.line < first->second.line) first = &member;
  }
  if (first == nullptr) return;
  const std::string nearest = nearest_name(first->first, asked_);
  throw error_at(path_, first->second.line,
                 fmt::format("unknown key {}{}{}; there are: {}", quoted(first->first),
                             name_.empty() ? "" : " of " + name_,
                             nearest.empty() ? "" : fmt::format(", is it {}?", nearest),
                             fmt::join(asked_, ", ")));
}

}  // namespace lathe
