#include "tools/report/bench_output.h"

#include <fmt/core.h>

#include <nlohmann/json.hpp>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "runtime/identity/build_info.h"
#include "tools/report/csv.h"
#include "tools/report/units.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& value, int indent = -1) {
  return value.dump(indent, ' ', false, Json::error_handler_t::replace);
}

// A text as SQL has it, its quotes doubled.
std::string sql_text(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    out += c;
    if (c == '\'') out += c;
  }
  return out + '\'';
}

std::string sql_cell(const Json& value) {
  if (value.is_null()) return "NULL";
  if (value.is_boolean()) return value.get<bool>() ? "1" : "0";
  return value.is_string() ? sql_text(value.get<std::string>()) : dump(value);
}

std::string sql_type(const Json& value) {
  if (value.is_string()) return "TEXT";
  return value.is_number_float() || value.is_null() ? "REAL" : "INTEGER";
}

// Applies `text_of` (key, value) to every field that is no array, joined by commas.
template <class TextOf>
std::string joined(const Json& row, TextOf text_of) {
  std::string out;
  for (const auto& [key, value] : row.items()) {
    if (value.is_array()) continue;
    if (!out.empty()) out += ", ";
    out += text_of(key, value);
  }
  return out;
}

std::string csv_lines(const Json& row, bool first) {
  std::vector<std::string> names, values;
  for (auto& [name, value] : csv_fields(row)) {
    names.push_back(name);
    values.push_back(value);
  }
  return (first ? csv_line(names) : "") + csv_line(values);
}

std::string sql_line(const Json& row, bool first) {
  const auto name = [](const std::string& key, const Json&) { return key; };
  std::string out;
  if (first) {
    out = "CREATE TABLE IF NOT EXISTS test (" +
          joined(row, [](const std::string& key,
                         const Json& value) { return key + " " + sql_type(value); }) +
          ");\n";
  }
  return out + "INSERT INTO test (" + joined(row, name) + ") VALUES (" +
         joined(row, [](const std::string&, const Json& v) { return sql_cell(v); }) + ");\n";
}

constexpr std::size_t kLongestPath = 4096;

constexpr const char* kMarkdownRow =
    "| {:<28} | {:>10} | {:>8} | {:>7} | {:>14} | {:>18} | {:<26} |\n";

std::string test_name(const Json& row) {
  return SpeedTest{.n_prompt = row.at("n_prompt").get<std::size_t>(),
                   .n_gen = row.at("n_gen").get<std::size_t>(),
                   .n_depth = row.at("n_depth").get<std::size_t>(),
                   .n_step = row.at("n_step").get<std::size_t>()}
      .name();
}

// "83 % of 34.6 GB/s", "41 % of int8 459 GMAC/s"; says so when the probe cannot be right.
std::string share_text(const Json& row) {
  const Json& share = row.at("limit_share");
  if (share.is_null()) return "probe broken: no share";
  std::string text = fmt::format("{:.0f} %", 100 * share.get<double>());
  const Json& bandwidth = row.at("limit_gb_per_s");
  const Json& peak = row.at("limit_gmac_per_s");
  if (bandwidth.is_null() && !peak.is_null()) {
    const std::string limit = row.at("limit").get<std::string>();
    text +=
        fmt::format(" of {} {:.0f} GMAC/s", limit.substr(0, limit.find(' ')), peak.get<double>());
  } else if (peak.is_null() && !bandwidth.is_null()) {
    text += fmt::format(" of {:.1f} GB/s", bandwidth.get<double>());
  }
  return text;
}

std::string markdown_line(const Json& row) {
  return fmt::format(fmt::runtime(kMarkdownRow), row.at("model_type").get<std::string>(),
                     bytes_text(row.at("model_size").get<std::uint64_t>()),
                     parameters_text(row.at("model_n_params").get<std::uint64_t>()),
                     row.at("n_threads").get<int>(), test_name(row),
                     fmt::format("{:.2f} ± {:.2f}", row.at("avg_ts").get<double>(),
                                 row.at("stddev_ts").get<double>()),
                     share_text(row));
}

}  // namespace

BenchFormat bench_format_from_name(std::string_view name) {
  if (name == "md") return BenchFormat::kMarkdown;
  if (name == "csv") return BenchFormat::kCsv;
  if (name == "json") return BenchFormat::kJson;
  if (name == "jsonl") return BenchFormat::kJsonl;
  if (name == "sql") return BenchFormat::kSql;
  throw usage_error("output format must be md, csv, json, jsonl or sql, not '" + std::string(name) +
                    "'");
}

std::string bench_header(BenchFormat format, const BenchMachine& machine,
                         const std::vector<std::string>& models) {
  if (format == BenchFormat::kJson) return "[\n";
  if (format != BenchFormat::kMarkdown) return "";
  std::string out =
      fmt::format("lathe {}, {}, {}\n", build_words(), printable(machine.cpu_model), machine.tier);
  for (const std::string& model : models) out += printable(model, kLongestPath) + "\n";
  out += "\n";
  out += fmt::format(fmt::runtime(kMarkdownRow), "model", "size", "params", "threads", "test",
                     "t/s", "share of the limit");
  return out +
         "| ---------------------------- | ---------: | -------: | ------: | -------------: | "
         "-----------------: | -------------------------- |\n";
}

std::string bench_line(BenchFormat format, const Json& row, bool first) {
  switch (format) {
    case BenchFormat::kMarkdown:
      return markdown_line(row);
    case BenchFormat::kCsv:
      return csv_lines(row, first);
    case BenchFormat::kJson:
      return (first ? "" : ",\n") + dump(row, 2);
    case BenchFormat::kJsonl:
      return dump(row) + "\n";
    case BenchFormat::kSql:
      return sql_line(row, first);
  }
  return "";
}

std::string bench_footer(BenchFormat format, bool any) {
  return format == BenchFormat::kJson ? (any ? "\n]\n" : "]\n") : "";
}

}  // namespace lathe
