#include "tools/report/verify_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "runtime/base/quote.h"
#include "tools/report/document.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kLongestPath = 1000;

std::string formats_text(const ModelComparison& comparison) {
  TextTable table({"type", "tensors", "to the bit", "worst error", "of"});
  for (const VerifiedFormat& format : comparison.formats) {
    table.add_row({std::string(format_name(format.format)), std::to_string(format.n_tensors),
                   std::to_string(format.n_exact),
                   format.worst_rms > 0 ? fmt::format("{:.3g} %", 100.0 * format.worst_rms) : "",
                   printable(format.worst)});
  }
  return table.aligned();
}

std::string verdict(const ModelComparison& comparison) {
  const auto n = static_cast<std::size_t>(
      std::count_if(comparison.differences.begin(), comparison.differences.end(),
                    [](const ModelDifference& d) { return d.matters; }));
  if (n > 0) {
    return fmt::format("{} is not {}: {} {}\n", printable(comparison.model, kLongestPath),
                       printable(comparison.folder, kLongestPath), n,
                       n == 1 ? "difference matters" : "differences matter");
  }
  return fmt::format("{} is {}: {} tensors, {} keys and {} tokens compared{}\n",
                     printable(comparison.model, kLongestPath),
                     printable(comparison.folder, kLongestPath), comparison.n_tensors,
                     comparison.n_keys, comparison.n_tokens,
                     comparison.differences.empty() ? "" : "; what differs does not matter");
}

}  // namespace

std::string verify_text(const ModelComparison& comparison, bool full) {
  std::string out = formats_text(comparison);
  if (!comparison.differences.empty()) {
    TextTable table({"matters", "where", "what"});
    for (const bool matters : {true, false}) {
      for (const ModelDifference& d : comparison.differences) {
        if (d.matters == matters) {
          table.add_row({matters ? "yes" : "no", printable(d.where), d.what});
        }
      }
    }
    out += "\n" + (full ? table.aligned() : table.shortened("--full shows all"));
  }
  return out + "\n" + verdict(comparison);
}

Json verify_json(const ModelComparison& comparison) {
  Json out = result_document("verify");
  out["file"] = comparison.model;
  out["folder"] = comparison.folder;
  out["same"] = !comparison.matters();
  out["n_tensors"] = comparison.n_tensors;
  out["n_keys"] = comparison.n_keys;
  out["n_tokens"] = comparison.n_tokens;
  Json& formats = out["formats"] = Json::array();
  for (const VerifiedFormat& format : comparison.formats) {
    formats.push_back({{"type", format_name(format.format)},
                       {"n_tensors", format.n_tensors},
                       {"n_exact", format.n_exact},
                       {"worst_rms", format.worst_rms},
                       {"worst", format.worst}});
  }
  Json& differences = out["differences"] = Json::array();
  for (const ModelDifference& d : comparison.differences) {
    differences.push_back({{"where", d.where}, {"what", d.what}, {"matters", d.matters}});
  }
  return out;
}

}  // namespace lathe
