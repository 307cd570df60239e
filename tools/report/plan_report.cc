#include "tools/report/plan_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "quant/pipeline/provenance.h"
#include "quant/plan/layer_list.h"
#include "quant/plan/plan_file.h"
#include "quant/plan/plan_summary.h"
#include "runtime/base/quote.h"
#include "runtime/gguf/shape_text.h"
#include "tools/report/document.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownProblems = 5;
constexpr std::size_t kShownRows = 20;  // at either end of a table that is cut

std::vector<std::string> table_row(const PlannedTensor& t, bool renamed) {
  std::vector<std::string> row = {
      printable(t.source.name),
      shape_text(t.source),
      std::string(format_name(t.source.format)),
      std::string(format_name(t.format)),
      megabytes(t.n_bytes),
      printable(t.reason) + (t.use_importance ? "" : "; importance not used")};
  if (renamed) row.insert(row.begin() + 1, printable(t.name));
  return row;
}

double share(std::uint64_t part, std::uint64_t whole) {
  return static_cast<double>(part) / static_cast<double>(std::max<std::uint64_t>(1, whole));
}

Json rule_json(const RuleReport& report) {
  Json out{{"rule", report.rule},
           {"n_tensors", report.n_decided},
           {"n_fallback", report.n_fallback},
           {"n_kept", report.n_kept},
           {"n_pruned", report.n_pruned},
           {"layers", report.layers},
           {"lost_to", report.lost_to}};
  if (!report.new_layers.empty()) out["new_layers"] = report.new_layers;
  return out;
}

Json total_json(const FormatTotal& total) {
  return {{"type", format_name(total.format)},
          {"n_tensors", total.n_tensors},
          {"n_elements", total.n_elements},
          {"bytes", total.n_bytes}};
}

template <typename Range, typename ToJson>
Json list_json(const Range& range, ToJson to_json) {
  Json out = Json::array();
  for (const auto& element : range) out.push_back(to_json(element));
  return out;
}

}  // namespace

std::string megabytes(std::uint64_t bytes) {
  return fmt::format("{:.2f}", static_cast<double>(bytes) / 1e6);
}

std::string tensors_text(const Plan& plan, bool full) {
  const bool renamed = !plan.pruned_layers.empty();
  std::vector<std::string> header = {"tensor", "shape", "from", "to", "MB", "reason"};
  if (renamed) header.insert(header.begin() + 1, "becomes");
  TextTable table(std::move(header));
  const std::size_t n = plan.tensors.size();
  const bool cut = !full && n > 2 * kShownRows + 1;
  for (std::size_t i = 0; i < n; ++i) {
    if (cut && i == kShownRows) {
      table.add_row({fmt::format("... {} more (--full) ...", n - 2 * kShownRows)});
      i = n - kShownRows;
    }
    table.add_row(table_row(plan.tensors[i], renamed));
  }
  return table.aligned() + "\n";
}

std::string totals_text(const Plan& plan) {
  TextTable table({"type", "tensors", "weights", "MB", "share %"});
  for (const FormatTotal& total : format_totals(plan)) {
    table.add_row({std::string(format_name(total.format)), fmt::format("{}", total.n_tensors),
                   fmt::format("{}", total.n_elements), megabytes(total.n_bytes),
                   fmt::format("{:.1f}", 100.0 * share(total.n_bytes, plan.bytes()))});
  }
  std::string text = table.aligned();
  text += fmt::format("{}{}: {} MB ({:.2f} bits per weight) to {} MB ({:.2f} bits per weight)\n",
                      printable(plan.recipe), plan.edited ? ", edited" : "",
                      megabytes(plan.source_bytes()),
                      8.0 * share(plan.source_bytes(), plan.n_elements()), megabytes(plan.bytes()),
                      plan.bits_per_weight());
  if (!plan.pruned_layers.empty()) {
    text += fmt::format("without layers {}\n", layer_list_text(plan.pruned_layers));
  }
  if (const std::size_t n = n_fallbacks(plan); n > 0) {
    text += fmt::format(
        "{} tensors have rows that do not fit their type and got the next one that does\n", n);
  }
  return text;
}

std::string rules_text(const Plan& plan) {
  std::string text;
  for (const RuleReport& report : plan.rule_reports) {
    if (!report.without_effect()) text += report.text() + "\n";
  }
  return text;
}

std::vector<std::string> plan_warnings(const Plan& plan, const Imatrix* imatrix) {
  std::vector<std::string> warnings;
  for (const RuleReport& report : plan.rule_reports) {
    if (report.without_effect()) warnings.push_back(report.text());
  }
  for (std::string& note : importance_notes(plan, imatrix)) warnings.push_back(std::move(note));
  return warnings;
}

std::vector<std::string> shown_problems(const std::vector<std::string>& problems) {
  const std::size_t shown = std::min(problems.size(), kShownProblems);
  std::vector<std::string> lines(problems.begin(), problems.begin() + shown);
  if (problems.size() > shown) {
    lines.push_back(fmt::format("and {} more problems", problems.size() - shown));
  }
  return lines;
}

std::string plan_text(const PlannedModel& model, const QuantizeJob& job, bool full) {
  const Plan& plan = model.plan;
  return tensors_text(plan, full) + totals_text(plan) +
         fmt::format("file: {} MB\n",
                     megabytes(planned_file_bytes(plan, quantized_metadata(job)))) +
         rules_text(plan);
}

std::string plan_document(const PlannedModel& model, const QuantizeJob& job) {
  const Plan& plan = model.plan;
  Json out = result_document("plan");
  out.update(Json{{"plan", Json::parse(plan_json(plan, model.header))},
                  {"source_bytes", plan.source_bytes()},
                  {"bytes", plan.bytes()},
                  {"file_bytes", planned_file_bytes(plan, quantized_metadata(job))},
                  {"n_elements", plan.n_elements()},
                  {"bits_per_weight", plan.bits_per_weight()},
                  {"n_fallbacks", n_fallbacks(plan)},
                  {"types", list_json(format_totals(plan), total_json)},
                  {"rules", list_json(plan.rule_reports, rule_json)},
                  {"importance_notes", importance_notes(plan, job.imatrix)},
                  {"problems", plan_problems(job)}});
  return json_text(out);
}

}  // namespace lathe
