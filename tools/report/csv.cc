#include "tools/report/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

std::string quoted_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

bool is_list_of_texts(const Json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_string(); });
}

void flatten(const Json& object, const std::string& prefix, CsvFields& fields) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_object()) {
      flatten(value, prefix + name + ".", fields);
    } else if (is_list_of_texts(value)) {
      fields.emplace_back(
          prefix + name, fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), "; ")));
    } else if (!value.is_array()) {
      fields.emplace_back(prefix + name, csv_cell(value));
    }
  }
}

}  // namespace

std::string csv_line(std::span<const std::string> cells) {
  std::string line;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) line += ',';
    line += quoted_cell(cells[i]);
  }
  return line + '\n';
}

std::string csv_cell(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  return value.dump();
}

CsvFields csv_fields(const Json& object) {
  CsvFields fields;
  flatten(object, "", fields);
  return fields;
}

std::string csv_table(std::span<const CsvFields> rows) {
  if (rows.empty()) return {};
  std::vector<std::string> cells;
  for (const auto& field : rows.front()) cells.push_back(field.first);
  std::string text = csv_line(cells);
  for (const CsvFields& row : rows) {
    cells.clear();
    for (const auto& field : row) cells.push_back(field.second);
    text += csv_line(cells);
  }
  return text;
}

}  // namespace lathe
