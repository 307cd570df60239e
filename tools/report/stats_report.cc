#include "tools/report/stats_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/report/csv.h"
#include "tools/report/document.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;
using Cells = std::vector<std::string>;

struct Column {
  const char* name;
  double (*value)(const ActivationStats&);
};

constexpr Column kColumns[] = {
    {"sum", [](const ActivationStats& s) { return s.sum; }},
    {"min", [](const ActivationStats& s) { return s.min; }},
    {"max", [](const ActivationStats& s) { return s.max; }},
    {"mean", [](const ActivationStats& s) { return s.mean; }},
    {"deviation", [](const ActivationStats& s) { return s.deviation; }},
    {"active", [](const ActivationStats& s) { return s.active; }},
    {"n", [](const ActivationStats& s) { return static_cast<double>(s.n); }},
    {"entropy", [](const ActivationStats& s) { return s.entropy; }},
    {"entropy_normalized", [](const ActivationStats& s) { return s.normalized; }},
    {"zd_act", [](const ActivationStats& s) { return s.zd; }},
    {"cosine", [](const ActivationStats& s) { return s.cosine; }},
};

std::string layer_text(int layer) { return layer < 0 ? "-" : fmt::format("{}", layer); }
std::string percent(double share, int digits = 2) {
  return fmt::format("{:.{}f} %", 100.0 * share, digits);
}

// What is known of one layer, from either side.
struct LayerRow {
  std::optional<LayerActivationStats> activations;
  std::optional<WeightStats> weights;
};
using LayerRows = std::map<int, LayerRow>;

LayerRows layer_rows(const TableStats& stats) {
  LayerRows rows;
  for (const auto& s : layer_activation_stats(stats.activations)) rows[s.layer].activations = s;
  for (const auto& s : stats.weights) rows[s.layer].weights = s;
  return rows;
}

// ---- text

std::string tensor_table(const std::vector<ActivationStats>& activations) {
  TextTable table({"layer", "tensor", "Σ(Act²)", "min", "max", "μ", "σ", "active", "N", "entropy",
                   "E (norm)", "ZD act", "CosSim"});
  for (const ActivationStats& s : activations) {
    table.add_row({layer_text(s.layer), s.tensor, fmt::format("{:.2f}", s.sum),
                   fmt::format("{:.4f}", s.min), fmt::format("{:.4f}", s.max),
                   fmt::format("{:.2f}", s.mean), fmt::format("{:.2f}", s.deviation),
                   percent(s.active), fmt::format("{}", s.n), fmt::format("{:.4f}", s.entropy),
                   percent(s.normalized), percent(s.zd), fmt::format("{:.4f}", s.cosine)});
  }
  return table.aligned();
}

std::string layer_table(const LayerRows& rows, bool activations, bool weights) {
  Cells header = {"layer"};
  if (activations) header.insert(header.end(), {"μΣ(Act²)", "μZD act", "μCosSim"});
  if (weights) header.insert(header.end(), {"ZD weights", "μ weights", "σ weights"});
  TextTable table(header);
  for (const auto& [layer, row] : rows) {
    Cells cells = {layer_text(layer)};
    if (activations) {
      const LayerActivationStats s = row.activations.value_or(LayerActivationStats{});
      cells.insert(cells.end(), {fmt::format("{:.2f}", s.sum), percent(s.zd, 4),
                                 fmt::format("{:.4f}", s.cosine)});
    }
    if (weights && row.weights) {
      cells.insert(cells.end(),
                   {percent(row.weights->zd, 4), fmt::format("{:.3e}", row.weights->mean),
                    fmt::format("{:.3e}", row.weights->deviation)});
    }
    table.add_row(cells);
  }
  return table.aligned();
}

// ---- CSV

Cells csv_cells(const ActivationStats& s) {
  Cells cells = {"tensor", std::to_string(s.layer), s.tensor};
  for (const Column& c : kColumns) cells.push_back(fmt::format("{}", c.value(s)));
  cells.emplace_back();
  return cells;
}

Cells csv_cells(int layer, const LayerRow& row) {
  Cells cells = {"layer", std::to_string(layer), ""};
  for (const Column& c : kColumns) {
    const std::string_view name = c.name;
    std::string cell;
    if (row.activations && name == "sum") cell = fmt::format("{}", row.activations->sum);
    if (row.activations && name == "zd_act") cell = fmt::format("{}", row.activations->zd);
    if (row.activations && name == "cosine") cell = fmt::format("{}", row.activations->cosine);
    cells.push_back(std::move(cell));
  }
  cells.push_back(row.weights ? fmt::format("{}", row.weights->zd) : "");
  return cells;
}

// ---- JSON

Json tensor_json(const ActivationStats& s) {
  Json out = {{"name", s.name}, {"tensor", s.tensor}, {"layer", s.layer}};
  for (const Column& c : kColumns) out[c.name] = c.value(s);
  out["n"] = s.n;
  return out;
}

Json layer_json(int layer, const LayerRow& row) {
  Json out = {{"layer", layer}};
  if (row.activations) {
    out["sum"] = row.activations->sum;
    out["zd_act"] = row.activations->zd;
    out["cosine"] = row.activations->cosine;
  }
  if (row.weights) {
    out["zd_weight"] = row.weights->zd;
    out["weight_mean"] = row.weights->mean;
    out["weight_deviation"] = row.weights->deviation;
    out["n_weights"] = row.weights->n;
  }
  return out;
}

Json model_json(const NamedInput& model) {
  return {{"path", model.path}, {"fingerprint", model.hash}};
}

// ---- blocks

std::string order_text(const std::vector<int>& order) {
  return fmt::format("{}", fmt::join(order, " "));
}

// The run of n layers that changes the hidden state least.
std::size_t best_start(const std::vector<double>& distances) {
  return static_cast<std::size_t>(std::min_element(distances.begin(), distances.end()) -
                                  distances.begin());
}

std::vector<double> single_distances(const BlockInfluenceCollector::Result& r) {
  return r.angular.empty() ? std::vector<double>(r.influence.size(), 0.0) : r.angular.front();
}

}  // namespace

std::string sort_columns() {
  std::string text = "layer, tensor";
  for (const Column& c : kColumns) text += fmt::format(", {}", c.name);
  return text;
}

void check_sort_column(std::string_view column) {
  const bool known = column == "layer" || column == "tensor" ||
                     std::any_of(std::begin(kColumns), std::end(kColumns),
                                 [&](const Column& c) { return c.name == column; });
  if (known) return;
  throw usage_error(
      fmt::format("--sort: no column {}; there are {}", quoted(column), sort_columns()));
}

void sort_stats(std::vector<ActivationStats>& stats, std::string_view column) {
  const auto by = [&](auto less) { std::stable_sort(stats.begin(), stats.end(), less); };
  if (column == "layer") {
    by([](const auto& a, const auto& b) { return a.layer < b.layer; });
  } else if (column == "tensor") {
    by([](const auto& a, const auto& b) { return a.tensor < b.tensor; });
  }
  for (const Column& c : kColumns) {
    if (c.name == column) by([&](const auto& a, const auto& b) { return c.value(a) > c.value(b); });
  }
}

std::string stats_text(const TableStats& stats) {
  std::string out;
  if (!stats.activations.empty()) out += tensor_table(stats.activations) + "\n";
  return out + layer_table(layer_rows(stats), !stats.activations.empty(), !stats.weights.empty());
}

std::string stats_csv(const TableStats& stats) {
  Cells header = {"kind", "layer", "tensor"};
  for (const Column& c : kColumns) header.emplace_back(c.name);
  header.emplace_back("zd_weight");
  std::string out = csv_line(header);
  for (const ActivationStats& s : stats.activations) out += csv_line(csv_cells(s));
  for (const auto& [layer, row] : layer_rows(stats)) out += csv_line(csv_cells(layer, row));
  return out;
}

Json stats_json(const TableStats& stats) {
  Json out = result_document("stats");
  if (!stats.imatrix.path.empty()) {
    out["imatrix"] = {{"path", stats.imatrix.path}, {"sha256", stats.imatrix.hash}};
  }
  if (!stats.model.path.empty()) out["model"] = model_json(stats.model);
  out["tensors"] = Json::array();
  for (const ActivationStats& s : stats.activations) out["tensors"].push_back(tensor_json(s));
  out["layers"] = Json::array();
  for (const auto& [layer, row] : layer_rows(stats)) {
    out["layers"].push_back(layer_json(layer, row));
  }
  return out;
}

std::string blocks_text(const BlockStats& stats) {
  const BlockInfluenceCollector::Result& r = stats.result;
  const std::vector<double> single = single_distances(r);
  TextTable layers({"layer", "block influence", "LIM", "angular distance"});
  for (std::size_t l = 0; l < r.influence.size(); ++l) {
    layers.add_row({fmt::format("{}", l), fmt::format("{:.4f}", r.influence[l]),
                    fmt::format("{:.4f}", r.lim[l]), fmt::format("{:.4f}", single[l])});
  }
  TextTable runs({"run of", "from", "to", "angular distance"});
  for (std::size_t n = 1; n <= r.angular.size(); ++n) {
    const std::size_t start = best_start(r.angular[n - 1]);
    runs.add_row({fmt::format("{}", n), fmt::format("{}", start), fmt::format("{}", start + n - 1),
                  fmt::format("{:.4f}", r.angular[n - 1][start])});
  }
  return fmt::format(
      "{}\nThe run of n layers that turns the hidden state least:\n{}\n"
      "Dropped first, by\n"
      "  block influence   {}\n"
      "  LIM               {}\n"
      "  angular distance  {}\n"
      "{} tokens in {} chunks; check a choice with: lathe eval kld --skip-layers\n",
      layers.aligned(), runs.aligned(), order_text(drop_order(r.influence)),
      order_text(drop_order(r.lim)), order_text(drop_order(single)), r.n_tokens, r.n_chunks);
}

std::string blocks_csv(const BlockStats& stats) {
  const BlockInfluenceCollector::Result& r = stats.result;
  Cells header = {"layer", "block_influence", "lim"};
  for (std::size_t n = 1; n <= r.angular.size(); ++n) {
    header.push_back(fmt::format("angular_{}", n));
  }
  std::string out = csv_line(header);
  for (std::size_t l = 0; l < r.influence.size(); ++l) {
    Cells cells = {fmt::format("{}", l), fmt::format("{}", r.influence[l]),
                   fmt::format("{}", r.lim[l])};
    for (const auto& row : r.angular) {
      cells.push_back(l < row.size() ? fmt::format("{}", row[l]) : "");
    }
    out += csv_line(cells);
  }
  return out;
}

Json blocks_json(const BlockStats& stats) {
  const BlockInfluenceCollector::Result& r = stats.result;
  Json texts = Json::array();
  for (const NamedInput& text : stats.texts) {
    texts.push_back({{"name", text.path}, {"sha256", text.hash}});
  }
  Json runs = Json::array();
  for (std::size_t n = 1; n <= r.angular.size(); ++n) {
    const std::size_t start = best_start(r.angular[n - 1]);
    runs.push_back({{"n_layers", n},
                    {"first", start},
                    {"distance", r.angular[n - 1][start]},
                    {"distances", r.angular[n - 1]}});
  }
  Json out = result_document("stats blocks");
  out["model"] = model_json(stats.model);
  out["texts"] = texts;
  out["n_tokens"] = r.n_tokens;
  out["n_chunks"] = r.n_chunks;
  out["block_influence"] = r.influence;
  out["lim"] = r.lim;
  out["angular_runs"] = runs;
  out["drop_order"] = {{"block_influence", drop_order(r.influence)},
                       {"lim", drop_order(r.lim)},
                       {"angular", drop_order(single_distances(r))}};
  return out;
}

}  // namespace lathe
