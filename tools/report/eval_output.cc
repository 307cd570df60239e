#include "tools/report/eval_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/gguf/size_summary.h"
#include "runtime/identity/build_info.h"
#include "runtime/identity/fingerprint.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;
using Fields = std::vector<std::pair<std::string, std::string>>;

constexpr std::size_t kHashDigits = 16;  // enough to tell files apart; JSON has all of them

std::string cell(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "";
  return value.dump();
}

// Names of files; other arrays are too long for a cell.
bool is_list_of_texts(const Json& value) {
  return value.is_array() && !value.empty() &&
         std::all_of(value.begin(), value.end(), [](const Json& v) { return v.is_string(); });
}

void flatten(const Json& object, const std::string& prefix, Fields& fields) {
  for (const auto& [name, value] : object.items()) {
    if (value.is_object()) {
      flatten(value, prefix + name + ".", fields);
    } else if (is_list_of_texts(value)) {
      fields.emplace_back(
          prefix + name, fmt::format("{}", fmt::join(value.get<std::vector<std::string>>(), "; ")));
    } else if (!value.is_array()) {
      fields.emplace_back(prefix + name, cell(value));
    }
  }
}

std::string quoted_for_csv(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

void print_csv(const std::vector<Fields>& rows) {
  const auto line = [](const Fields& fields, auto part) {
    for (std::size_t i = 0; i < fields.size(); ++i) {
      fmt::print("{}{}", i == 0 ? "" : ",", quoted_for_csv(part(fields[i])));
    }
    fmt::print("\n");
  };
  if (rows.empty()) return;
  line(rows.front(), [](const auto& field) { return field.first; });
  for (const Fields& row : rows) line(row, [](const auto& field) { return field.second; });
}

void print_markdown(const std::vector<Fields>& rows) {
  if (rows.empty()) return;
  if (rows.size() == 1) {
    TextTable table({"figure", "value"});
    for (const auto& [name, value] : rows.front()) table.add_row({name, value});
    fmt::print("{}", table.markdown());
    return;
  }
  std::vector<std::string> header;
  for (const auto& field : rows.front()) header.push_back(field.first);
  TextTable table(header);
  for (const Fields& row : rows) {
    std::vector<std::string> cells;
    for (const auto& field : row) cells.push_back(field.second);
    table.add_row(cells);
  }
  fmt::print("{}", table.markdown());
}

}  // namespace

void print_result(const Json& result, const OutputForm& form) {
  if (form.json) {
    // Names of files may hold any bytes: those that are no UTF-8 are replaced.
    fmt::print("{}\n", result.dump(2, ' ', false, Json::error_handler_t::replace));
    return;
  }
  std::vector<Fields> rows;
  for (const Json& object : result.is_array() ? result : Json::array({result})) {
    flatten(object, "", rows.emplace_back());
  }
  form.csv ? print_csv(rows) : print_markdown(rows);
}

void put(Json& out, const std::string& name, const Estimate& e) {
  out[name] = e.value;
  out[name + "_error"] = e.error;
}

void print_header(const std::string& measure, const std::vector<std::string>& lines) {
  fmt::print("# lathe {} ({}), eval {}\n", build_version(), build_commit(), measure);
  for (const std::string& line : lines) fmt::print("# {}\n", line);
}

std::string model_words(const GgufFile& file) {
  return fmt::format("{} (fingerprint {}, {:.2f} bits per weight)", file.path(),
                     model_fingerprint(file).substr(0, kHashDigits),
                     summarize_sizes(file.tensors()).total.bits_per_weight());
}

std::string files_words(const std::vector<std::string>& names, const std::string& sha256) {
  constexpr std::size_t kMostNames = 3;
  const std::string which = names.size() > kMostNames ? fmt::format("{} files", names.size())
                                                      : fmt::format("{}", fmt::join(names, ", "));
  return fmt::format("{} (sha256 {})", which, sha256.substr(0, kHashDigits));
}

Json model_json(const GgufFile& file) {
  const SizeSummary sizes = summarize_sizes(file.tensors());
  return {{"file", file.path()},
          {"fingerprint", model_fingerprint(file)},
          {"file_bytes", file.total_file_bytes()},
          {"bits_per_weight", sizes.total.bits_per_weight()}};
}

Json text_json(const TextOrigin& origin) {
  return {{"files", origin.names}, {"sha256", origin.all_sha256}};
}

}  // namespace lathe
