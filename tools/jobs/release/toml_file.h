// A TOML file as a tree that knows its lines, and typed access to it whose errors say key and line.
//
// The parser is toml++ (a package), seen by toml_file.cc alone.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lathe {

struct TomlNode {
  enum class Kind { kText, kInteger, kReal, kBoolean, kList, kTable, kOther };

  Kind kind = Kind::kOther;  // kOther: dates and times
  std::size_t line = 0;
  std::string text{};
  std::int64_t integer = 0;
  double real = 0.0;
  bool boolean = false;
  std::vector<TomlNode> items{};                            // of a list
  std::vector<std::pair<std::string, TomlNode>> members{};  // of a table, by name
};

// Error (kBadInput) with the line of what is no TOML; for a file that cannot be read, too.
TomlNode read_toml(const std::string& path);
// `path` names the text in messages.
TomlNode parse_toml(std::string_view text, const std::string& path);

// A table whose keys are asked for one by one. What was not asked for is unknown at the end.
class TomlTable {
 public:
  // `name` in messages: "[evaluation]"; empty for the file itself. The node must outlive the table.
  // Error (kBadInput) for a node that is no table.
  TomlTable(const TomlNode& node, std::string path, std::string name);

  bool has(std::string_view key);
  std::size_t line(std::string_view key) const;  // that of the table where the key is not there

  // Nothing where the key is not there. Error (kBadInput) for another kind of value.
  std::optional<std::string> text(std::string_view key);
  std::optional<std::int64_t> integer(std::string_view key, std::int64_t low, std::int64_t high);
  std::optional<bool> boolean(std::string_view key);
  // A list of texts; one text counts as a list of it.
  std::optional<std::vector<std::string>> texts(std::string_view key);
  // A list of integers, of texts as people write such lists ("4,5,10-12"), or one of both.
  std::optional<std::string> number_list(std::string_view key);
  const TomlNode* node(std::string_view key);           // null where the key is not there
  std::vector<TomlTable> tables(std::string_view key);  // of [[key]]
  std::optional<TomlTable> table(std::string_view key);

  // Error (kBadInput) "PATH, line N: ..." about a key.
  [[noreturn]] void fail(std::string_view key, const std::string& problem) const;
  // Error for the first key that nobody asked for, with the nearest that there is.
  void refuse_unknown() const;

 private:
  const TomlNode* find(std::string_view key) const noexcept;
  [[noreturn]] void fail_kind(std::string_view key, const TomlNode& found,
                              const char* expected) const;
  std::string full_name(std::string_view key) const;

  const TomlNode* node_;
  std::string path_, name_;
  std::set<std::string, std::less<>> asked_;
};

// The name of `names` that `text` is most likely meant to be; empty where none is near.
std::string nearest_name(std::string_view text, const std::set<std::string, std::less<>>& names);

}  // namespace lathe
