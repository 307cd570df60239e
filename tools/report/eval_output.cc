#include "tools/report/eval_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "runtime/gguf/size_summary.h"
#include "runtime/identity/build_info.h"
#include "runtime/identity/fingerprint.h"
#include "tools/report/csv.h"
#include "tools/report/document.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kHashDigits = 16;  // enough to tell files apart; JSON has all of them

void print_markdown(const std::vector<CsvFields>& rows) {
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
  for (const CsvFields& row : rows) {
    std::vector<std::string> cells;
    for (const auto& field : row) cells.push_back(field.second);
    table.add_row(cells);
  }
  fmt::print("{}", table.markdown());
}

}  // namespace

void print_result(const Json& result, const OutputForm& form) {
  if (form.json) {
    fmt::print("{}", json_text(result));
    return;
  }
  std::vector<CsvFields> rows;
  for (const Json& object : result.is_array() ? result : Json::array({result})) {
    rows.push_back(csv_fields(object));
  }
  if (form.csv) {
    fmt::print("{}", csv_table(rows));
  } else {
    print_markdown(rows);
  }
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
