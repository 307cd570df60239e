#include "tools/report/measure_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "runtime/tensor_role.h"
#include "tools/report/document.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

constexpr Format kShown[] = {Format::Q8_0, Format::Q6_K, Format::Q5_K,
                             Format::Q4_K, Format::Q3_K, Format::Q2_K};

std::string role_of(const TensorCosts& t) {
  const auto id = parse_tensor_name(t.name);
  return id ? std::string(role_name(id->role)) : t.name;
}

// Sum over tensors of a role ("": all) in a format; nothing where one of them has no cost.
std::optional<double> sum_of(const CostFile& costs, const std::string& role, Format format) {
  double sum = 0.0;
  for (const TensorCosts& t : costs.tensors) {
    if (!role.empty() && role_of(t) != role) continue;
    const auto cost = t.total(format, true);
    if (!cost) return std::nullopt;
    sum += *cost;
  }
  return sum;
}

std::vector<std::string> roles_of(const CostFile& costs) {
  std::vector<std::string> roles;
  for (const TensorCosts& t : costs.tensors) {
    const std::string role = role_of(t);
    if (std::find(roles.begin(), roles.end(), role) == roles.end()) roles.push_back(role);
  }
  return roles;
}

std::string cell(const std::optional<double>& cost) {
  return cost ? fmt::format("{:.2e}", *cost) : "-";
}

}  // namespace

std::string measure_text(const CostFile& costs) {
  std::vector<std::string> header = {"divergence, all in"};
  for (const Format format : kShown) header.emplace_back(format_name(format));
  TextTable table(header);
  const auto add = [&](const std::string& label, const std::string& role) {
    std::vector<std::string> row = {label};
    for (const Format format : kShown) row.push_back(cell(sum_of(costs, role, format)));
    table.add_row(std::move(row));
  };
  for (const std::string& role : roles_of(costs)) add(role, role);
  add("all", "");
  std::string text = table.aligned();
  if (!costs.layers.empty()) {
    TextTable layers({"layer", "divergence without it"});
    for (std::size_t i = 0; i < costs.layers.size(); ++i) {
      layers.add_row({fmt::format("{}", i), fmt::format("{:.4f}", costs.layers[i])});
    }
    text += "\n" + layers.aligned();
  }
  return text + fmt::format("{} tensors on {} tokens of {} texts, {} scored\n",
                            costs.tensors.size(), costs.n_tokens, costs.texts.size(),
                            costs.n_scored);
}

std::string measure_document(const CostFile& costs, const std::string& path) {
  Json out = result_document("measure");
  out["file"] = path;
  out["costs"] = Json::parse(costs_json(costs));
  return json_text(out);
}

}  // namespace lathe
