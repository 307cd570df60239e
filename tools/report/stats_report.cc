#include "tools/report/stats_report.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "runtime/base/error.h"
#include "runtime/base/quote.h"
#include "tools/report/text_table.h"

namespace lathe {
namespace {

using Json = nlohmann::ordered_json;

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

std::map<int, LayerRow> layer_rows(const std::vector<ActivationStats>& activations,
                                   const std::vector<WeightStats>& weights) {
  std::map<int, LayerRow> rows;
  for (const auto& s : layer_activation_stats(activations)) rows[s.layer].activations = s;
  for (const auto& s : weights) rows[s.layer].weights = s;
  return rows;
}

// ---- text

void print_tensor_table(const std::vector<ActivationStats>& activations) {
  TextTable table({"layer", "tensor", "Σ(Act²)", "min", "max", "μ", "σ", "active", "N", "entropy",
                   "E (norm)", "ZD act", "CosSim"});
  for (const ActivationStats& s : activations) {
    table.add_row({layer_text(s.layer), s.tensor, fmt::format("{:.2f}", s.sum),
                   fmt::format("{:.4f}", s.min), fmt::format("{:.4f}", s.max),
                   fmt::format("{:.2f}", s.mean), fmt::format("{:.2f}", s.deviation),
                   percent(s.active), fmt::format("{}", s.n), fmt::format("{:.4f}", s.entropy),
                   percent(s.normalized), percent(s.zd), fmt::format("{:.4f}", s.cosine)});
  }
  fmt::print("{}\n", table.aligned());
}

void print_layer_table(const std::map<int, LayerRow>& rows, bool activations, bool weights) {
  std::vector<std::string> header = {"layer"};
  if (activations) header.insert(header.end(), {"μΣ(Act²)", "μZD act", "μCosSim"});
  if (weights) header.insert(header.end(), {"ZD weights", "μ weights", "σ weights"});
  TextTable table(header);
  for (const auto& [layer, row] : rows) {
    std::vector<std::string> cells = {layer_text(layer)};
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
  fmt::print("{}", table.aligned());
}

// ---- CSV

void print_csv(const std::vector<ActivationStats>& activations,
               const std::map<int, LayerRow>& rows) {
  fmt::print("kind,layer,tensor");
  for (const Column& c : kColumns) fmt::print(",{}", c.name);
  fmt::print(",zd_weight\n");
  for (const ActivationStats& s : activations) {
    fmt::print("tensor,{},{}", s.layer, s.tensor);
    for (const Column& c : kColumns) fmt::print(",{}", c.value(s));
    fmt::print(",\n");
  }
  for (const auto& [layer, row] : rows) {
    fmt::print("layer,{},", layer);
    for (const Column& c : kColumns) {
      const std::string_view name = c.name;
      fmt::print(",");
      if (!row.activations) continue;
      if (name == "sum") fmt::print("{}", row.activations->sum);
      if (name == "zd_act") fmt::print("{}", row.activations->zd);
      if (name == "cosine") fmt::print("{}", row.activations->cosine);
    }
    fmt::print(",");
    if (row.weights) fmt::print("{}", row.weights->zd);
    fmt::print("\n");
  }
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

// ---- blocks

std::string order_text(const std::vector<int>& order) {
  std::string text;
  for (const int layer : order) text += fmt::format("{}{}", text.empty() ? "" : " ", layer);
  return text;
}

// The run of n layers that changes the hidden state least.
std::size_t best_start(const std::vector<double>& distances) {
  return static_cast<std::size_t>(std::min_element(distances.begin(), distances.end()) -
                                  distances.begin());
}

std::vector<double> single_distances(const BlockInfluenceCollector::Result& r) {
  return r.angular.empty() ? std::vector<double>(r.influence.size(), 0.0) : r.angular.front();
}

void print_blocks_json(const BlockInfluenceCollector::Result& r) {
  Json runs = Json::array();
  for (std::size_t n = 1; n <= r.angular.size(); ++n) {
    const std::size_t start = best_start(r.angular[n - 1]);
    runs.push_back({{"n_layers", n},
                    {"first", start},
                    {"distance", r.angular[n - 1][start]},
                    {"distances", r.angular[n - 1]}});
  }
  const Json out = {{"n_tokens", r.n_tokens},
                    {"n_chunks", r.n_chunks},
                    {"block_influence", r.influence},
                    {"lim", r.lim},
                    {"angular_runs", runs},
                    {"drop_order",
                     {{"block_influence", drop_order(r.influence)},
                      {"lim", drop_order(r.lim)},
                      {"angular", drop_order(single_distances(r))}}}};
  fmt::print("{}\n", out.dump(2));
}

void print_blocks_csv(const BlockInfluenceCollector::Result& r) {
  fmt::print("layer,block_influence,lim");
  for (std::size_t n = 1; n <= r.angular.size(); ++n) fmt::print(",angular_{}", n);
  fmt::print("\n");
  for (std::size_t l = 0; l < r.influence.size(); ++l) {
    fmt::print("{},{},{}", l, r.influence[l], r.lim[l]);
    for (const auto& row : r.angular) {
      fmt::print(",");
      if (l < row.size()) fmt::print("{}", row[l]);
    }
    fmt::print("\n");
  }
}

void print_blocks_text(const BlockInfluenceCollector::Result& r) {
  const std::vector<double> single = single_distances(r);
  TextTable layers({"layer", "block influence", "LIM", "angular distance"});
  for (std::size_t l = 0; l < r.influence.size(); ++l) {
    layers.add_row({fmt::format("{}", l), fmt::format("{:.4f}", r.influence[l]),
                    fmt::format("{:.4f}", r.lim[l]), fmt::format("{:.4f}", single[l])});
  }
  fmt::print("{}\n", layers.aligned());
  TextTable runs({"run of", "from", "to", "angular distance"});
  for (std::size_t n = 1; n <= r.angular.size(); ++n) {
    const std::size_t start = best_start(r.angular[n - 1]);
    runs.add_row({fmt::format("{}", n), fmt::format("{}", start), fmt::format("{}", start + n - 1),
                  fmt::format("{:.4f}", r.angular[n - 1][start])});
  }
  fmt::print("The run of n layers that turns the hidden state least:\n{}\n", runs.aligned());
  fmt::print("Dropped first, by\n");
  fmt::print("  block influence   {}\n", order_text(drop_order(r.influence)));
  fmt::print("  LIM               {}\n", order_text(drop_order(r.lim)));
  fmt::print("  angular distance  {}\n", order_text(drop_order(single)));
  fmt::print("{} tokens in {} chunks; check a choice with: lathe eval kld --skip-layers\n",
             r.n_tokens, r.n_chunks);
}

}  // namespace

std::string sort_columns() {
  std::string text = "layer, tensor";
  for (const Column& c : kColumns) text += fmt::format(", {}", c.name);
  return text;
}

void sort_stats(std::vector<ActivationStats>& stats, std::string_view column) {
  const auto by = [&](auto less) { std::stable_sort(stats.begin(), stats.end(), less); };
  if (column == "layer") {
    by([](const auto& a, const auto& b) { return a.layer < b.layer; });
    return;
  }
  if (column == "tensor") {
    by([](const auto& a, const auto& b) { return a.tensor < b.tensor; });
    return;
  }
  const auto found = std::find_if(std::begin(kColumns), std::end(kColumns),
                                  [&](const Column& c) { return c.name == column; });
  if (found == std::end(kColumns)) {
    throw usage_error(
        fmt::format("--sort: no column {}; there are {}", quoted(column), sort_columns()));
  }
  by([&](const auto& a, const auto& b) { return found->value(a) > found->value(b); });
}

void print_stats(const std::vector<ActivationStats>& activations,
                 const std::vector<WeightStats>& weights, const StatsOutput& output) {
  const std::map<int, LayerRow> rows = layer_rows(activations, weights);
  if (output.csv) {
    print_csv(activations, rows);
  } else if (output.json) {
    Json out = {{"tensors", Json::array()}, {"layers", Json::array()}};
    for (const ActivationStats& s : activations) out["tensors"].push_back(tensor_json(s));
    for (const auto& [layer, row] : rows) out["layers"].push_back(layer_json(layer, row));
    fmt::print("{}\n", out.dump(2));
  } else {
    if (!activations.empty()) print_tensor_table(activations);
    print_layer_table(rows, !activations.empty(), !weights.empty());
  }
}

void print_blocks(const BlockInfluenceCollector::Result& result, const StatsOutput& output) {
  if (output.csv) {
    print_blocks_csv(result);
  } else if (output.json) {
    print_blocks_json(result);
  } else {
    print_blocks_text(result);
  }
}

}  // namespace lathe
