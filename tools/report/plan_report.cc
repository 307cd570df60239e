#include "tools/report/plan_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "quant/pipeline/provenance.h"
#include "quant/plan/layer_list.h"
#include "quant/plan/plan_file.h"
#include "quant/plan/plan_summary.h"
#include "runtime/base/quote.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kShownProblems = 5;

std::string shape_text(const TensorInfo& t) {
  std::string text = fmt::format("{}", t.dims[0]);
  for (std::uint32_t d = 1; d < t.n_dims; ++d) text += fmt::format(" x {}", t.dims[d]);
  return text;
}

void print_table(const Plan& plan) {
  const bool renamed = !plan.pruned_layers.empty();
  std::vector<std::string> header = {"tensor", "shape", "from", "to", "MB", "reason"};
  if (renamed) header.insert(header.begin() + 1, "becomes");
  TextTable table(std::move(header));
  for (const PlannedTensor& t : plan.tensors) {
    std::vector<std::string> row = {
        printable(t.source.name),
        shape_text(t.source),
        std::string(format_name(t.source.format)),
        std::string(format_name(t.format)),
        megabytes(t.n_bytes),
        printable(t.reason) + (t.use_importance ? "" : "; importance not used")};
    if (renamed) row.insert(row.begin() + 1, printable(t.name));
    table.add_row(std::move(row));
  }
  fmt::print("{}\n", table.aligned());
}

void print_problems(const std::vector<std::string>& problems) {
  const std::size_t shown = std::min(problems.size(), kShownProblems);
  for (std::size_t i = 0; i < shown; ++i) fmt::print(stderr, "lathe: {}\n", problems[i]);
  if (problems.size() > shown) {
    fmt::print(stderr, "lathe: and {} more problems\n", problems.size() - shown);
  }
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

void print_totals(const Plan& plan) {
  TextTable table({"type", "tensors", "weights", "MB", "share %"});
  for (const FormatTotal& total : format_totals(plan)) {
    table.add_row({std::string(format_name(total.format)), fmt::format("{}", total.n_tensors),
                   fmt::format("{}", total.n_elements), megabytes(total.n_bytes),
                   fmt::format("{:.1f}", 100.0 * share(total.n_bytes, plan.bytes()))});
  }
  fmt::print("{}", table.aligned());
  fmt::print("{}{}: {} MB ({:.2f} bits per weight) to {} MB ({:.2f} bits per weight)\n",
             printable(plan.recipe), plan.edited ? ", edited" : "", megabytes(plan.source_bytes()),
             8.0 * share(plan.source_bytes(), plan.n_elements()), megabytes(plan.bytes()),
             plan.bits_per_weight());
  if (!plan.pruned_layers.empty()) {
    fmt::print("without layers {}\n", layer_list_text(plan.pruned_layers));
  }
  if (const std::size_t n = n_fallbacks(plan); n > 0) {
    fmt::print("{} tensors have rows that do not fit their type and got the next one that does\n",
               n);
  }
}

void print_rules(const Plan& plan, const Imatrix* imatrix) {
  for (const RuleReport& report : plan.rule_reports) {
    if (report.without_effect()) {
      fmt::print(stderr, "lathe: warning: {}\n", report.text());
    } else {
      fmt::print("{}\n", report.text());
    }
  }
  for (const std::string& note : importance_notes(plan, imatrix)) {
    fmt::print(stderr, "lathe: warning: {}\n", note);
  }
}

bool print_plan(const PlannedModel& model, const QuantizeJob& job) {
  print_table(model.plan);
  print_totals(model.plan);
  fmt::print("file: {} MB\n", megabytes(planned_file_bytes(model.plan, quantized_metadata(job))));
  print_rules(model.plan, job.imatrix);
  const std::vector<std::string> problems = plan_problems(job);
  print_problems(problems);
  return problems.empty();
}

bool print_plan_json(const PlannedModel& model, const QuantizeJob& job) {
  const Plan& plan = model.plan;
  const std::vector<std::string> problems = plan_problems(job);
  const Json out{{"plan", Json::parse(plan_json(plan, model.header))},
                 {"source_bytes", plan.source_bytes()},
                 {"bytes", plan.bytes()},
                 {"file_bytes", planned_file_bytes(plan, quantized_metadata(job))},
                 {"n_elements", plan.n_elements()},
                 {"bits_per_weight", plan.bits_per_weight()},
                 {"n_fallbacks", n_fallbacks(plan)},
                 {"types", list_json(format_totals(plan), total_json)},
                 {"rules", list_json(plan.rule_reports, rule_json)},
                 {"importance_notes", importance_notes(plan, job.imatrix)},
                 {"problems", problems}};
  fmt::print("{}\n", out.dump(2, ' ', false, Json::error_handler_t::replace));
  return problems.empty();
}

}  // namespace lathe
