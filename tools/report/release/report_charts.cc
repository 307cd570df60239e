#include "tools/report/release/report_charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "runtime/gguf/size_summary.h"
#include "tools/report/release/chart.h"
#include "tools/report/release/tables.h"

namespace lathe {
namespace {

constexpr double kPercent = 100.0;

double gb(const ReleaseModel& model) { return static_cast<double>(model.file.bytes) / 1e9; }

const char* style_of(const ReleaseModel& model) {
  switch (model.role) {
    case ReleaseRole::kSource:
      return "source";
    case ReleaseRole::kVariant:
      return "variant";
    case ReleaseRole::kNaive:
      break;
  }
  return "naive";
}

// Small files have sizes in MB.
struct SizeUnit {
  double scale;
  const char* name;
};
SizeUnit size_unit(const ReleaseResults& r) {
  return gb(r.models.front()) < 1.0 ? SizeUnit{1e3, "MB"} : SizeUnit{1.0, "GB"};
}

// Points of the variants and the plain files, over their sizes; the source only where asked for.
template <typename Pick>
XyChart over_size(const ReleaseResults& r, Pick pick) {
  const SizeUnit unit = size_unit(r);
  XyChart chart;
  chart.x_label = fmt::format("size, {}", unit.name);
  chart.x_logarithmic = true;
  chart.series = {{.style = "naive", .line = true}, {.style = "variant", .line = true}};
  for (const ReleaseModel& model : r.models) {
    if (model.role == ReleaseRole::kSource) continue;
    const std::optional<Estimate> value = pick(model);
    if (!value) continue;
    ChartPoint point{unit.scale * gb(model), value->value, value->error, model.name, {}};
    point.hint = fmt::format("{}: {:.4g} {}, {:.5g} ± {:.2g}", model.name, point.x, unit.name,
                             value->value, value->error);
    chart.series[model.role == ReleaseRole::kVariant].points.push_back(std::move(point));
  }
  for (ChartSeries& series : chart.series) {
    std::sort(series.points.begin(), series.points.end(),
              [](const ChartPoint& a, const ChartPoint& b) { return a.x < b.x; });
  }
  return chart;
}

bool is_empty(const XyChart& chart) {
  return std::all_of(chart.series.begin(), chart.series.end(),
                     [](const ChartSeries& s) { return s.points.empty(); });
}

// ---- tensors by role and layer

// The grid of a heat map: roles in the order of a layer, layers as columns, the whole model first.
class TensorGrid {
 public:
  void add(const std::string& role, int layer, double value) {
    if (std::find(roles_.begin(), roles_.end(), role) == roles_.end()) roles_.push_back(role);
    layers_.insert(layer);
    values_[{role, layer}] = value;
  }
  bool empty() const noexcept { return values_.empty(); }

  HeatMap map(std::string title, double low, double high) const {
    HeatMap out{.title = std::move(title),
                .rows = {},
                .columns = {},
                .values = {},
                .low = low,
                .high = high};
    for (const int layer : layers_) out.columns.push_back(layer < 0 ? "–" : std::to_string(layer));
    std::vector<std::string> roles = roles_;
    std::stable_sort(roles.begin(), roles.end(), [](const std::string& a, const std::string& b) {
      return place_of(a) < place_of(b);
    });
    for (const std::string& role : roles) {
      out.rows.push_back(role);
      auto& row = out.values.emplace_back();
      for (const int layer : layers_) {
        const auto value = values_.find({role, layer});
        row.push_back(value == values_.end() ? std::nullopt : std::optional(value->second));
      }
    }
    return out;
  }

 private:
  // In the order in which a layer uses them.
  static std::size_t place_of(const std::string& role) {
    constexpr const char* kOrder[] = {"token_embd",  "attn_q",   "attn_k", "attn_v",   "attn_qkv",
                                      "attn_output", "ffn_gate", "ffn_up", "ffn_down", "output"};
    const auto found = std::find(std::begin(kOrder), std::end(kOrder), role);
    return found == std::end(kOrder) ? std::size(kOrder) - 1
                                     : static_cast<std::size_t>(found - std::begin(kOrder));
  }

  std::vector<std::string> roles_;
  std::set<int> layers_;
  std::map<std::pair<std::string, int>, double> values_;
};

struct Range {
  double low = 0.0, high = 0.0;

  void add(double value) {
    if (!std::isfinite(value) || value <= 0.0) return;
    low = low == 0.0 ? value : std::min(low, value);
    high = std::max(high, value);
  }
};

std::string interval_text(const Estimate& e, int digits) {
  return fmt::format("{:.{}f}", e.value, digits);
}

}  // namespace

std::string divergence_over_size(const ReleaseResults& r, std::size_t text) {
  XyChart chart = over_size(r, [text](const ReleaseModel& m) -> std::optional<Estimate> {
    const auto& divergence = m.texts[text].divergence;
    return divergence ? std::optional(divergence->kld) : std::nullopt;
  });
  if (is_empty(chart)) return {};
  chart.title = "Mean KL divergence over size on " + r.texts[text].name;
  chart.y_label = "mean KLD, nats";
  chart.y_logarithmic = true;
  return xy_chart(chart);
}

std::string perplexity_over_size(const ReleaseResults& r, std::size_t text) {
  // The errors of PPL itself are of the text; those of ratios to the source tell models apart.
  const double base = r.models.front().texts[text].ppl.value;
  XyChart chart = over_size(r, [&](const ReleaseModel& m) -> std::optional<Estimate> {
    const auto& d = m.texts[text].divergence;
    if (!d) return std::nullopt;
    return Estimate{d->ppl.value, base * d->ppl_ratio.error};
  });
  if (is_empty(chart)) return {};
  chart.title = "Perplexity over size on " + r.texts[text].name;
  chart.y_label = "PPL";
  chart.y_line = base;
  chart.y_line_name = r.models.front().name;
  return xy_chart(chart);
}

std::string divergence_percentiles(const ReleaseResults& r, std::size_t text) {
  constexpr std::array kShown = {0.01, 0.05, 0.1, 0.5, 0.9, 0.95, 0.99, 0.999, 1.0};
  XyChart chart;
  chart.title = "Percentiles of KL divergence by token on " + r.texts[text].name;
  chart.x_label = "percentile of tokens";
  chart.y_label = "KLD, nats";
  chart.y_logarithmic = true;
  for (const double share : kShown) {
    chart.x_names.push_back(share == 1.0 ? "max" : fmt::format("{:.4g} %", kPercent * share));
  }
  int colour = 0;
  for (const ReleaseModel& model : r.models) {
    if (model.role != ReleaseRole::kVariant || !model.texts[text].divergence) continue;
    const auto& of = model.texts[text].divergence->kld_percentiles;
    ChartSeries series{.style = fmt::format("c{}", colour++ % kSeriesColours),
                       .name = model.name,
                       .line = true,
                       .dots = false};
    for (std::size_t i = 0; i < kShown.size(); ++i) {
      const auto at = std::find(kKldPercentiles.begin(), kKldPercentiles.end(), kShown[i]);
      series.points.push_back(
          {static_cast<double>(i), of[static_cast<std::size_t>(at - kKldPercentiles.begin())]});
    }
    chart.series.push_back(std::move(series));
  }
  return chart.series.empty() ? "" : xy_chart(chart);
}

std::vector<std::string> task_charts(const ReleaseResults& r) {
  std::vector<std::string> out;
  for (std::size_t t = 0; t < r.tests.size(); ++t) {
    RowChart chart;
    chart.title = std::string(task_title(r.tests[t].kind)) + ", % with 95 % intervals";
    const TestFigures& source = r.models.front().tests[t];
    chart.line = kPercent * source.score.value;
    chart.other_line = kPercent * source.chance.value;
    for (const ReleaseModel* model : shown_models(r)) {
      const TestFigures& test = model->tests[t];
      const Estimate score{kPercent * test.score.value, kPercent * test.score.error};
      chart.rows.push_back({model->name, style_of(*model), score.value,
                            kPercent * test.interval.low, kPercent * test.interval.high,
                            interval_text(score, 2)});
    }
    out.push_back(row_chart(chart));
  }
  return out;
}

std::vector<std::string> speed_charts(const ReleaseResults& r) {
  std::vector<std::string> out;
  const std::size_t n = r.models.front().speed.size();
  for (std::size_t s = 0; s < n; ++s) {
    RowChart chart;
    chart.title = r.models.front().speed[s].test + ", tokens per second";
    chart.bars = true;
    for (const ReleaseModel& model : r.models) {
      if (model.role == ReleaseRole::kNaive || model.speed.size() <= s) continue;
      const SpeedFigure& speed = model.speed[s];
      chart.rows.push_back({model.name, style_of(model), speed.tokens_per_second,
                            std::max(0.0, speed.tokens_per_second - speed.deviation),
                            speed.tokens_per_second + speed.deviation,
                            fmt::format("{:.4g}", speed.tokens_per_second)});
    }
    out.push_back(row_chart(chart));
  }
  return out;
}

std::string error_map(const ReleaseResults& r, const ReleaseModel& model) {
  Range range;
  for (const ReleaseModel& m : r.models) {
    if (m.role != ReleaseRole::kVariant) continue;
    for (const TensorErrorFigure& e : m.errors) range.add(kPercent * e.relative_rms);
  }
  TensorGrid grid;
  for (const TensorErrorFigure& e : model.errors) {
    const TensorPlace place = tensor_place(e.name);
    grid.add(place.role, place.layer, kPercent * e.relative_rms);
  }
  if (grid.empty()) return {};
  HeatMap map =
      grid.map("Relative error by tensor and layer of " + model.name, range.low, range.high);
  map.unit = " %";
  return heat_map(map);
}

std::string importance_map(const ReleaseResults& r) {
  TensorGrid grid;
  Range range;
  for (const ImportanceFigure& i : r.importance) {
    range.add(i.mean);
    grid.add(i.tensor, i.layer, i.mean);
  }
  if (grid.empty()) return {};
  return heat_map(grid.map("Importance by tensor and layer", range.low, range.high));
}

std::string influence_chart(const ReleaseResults& r) {
  if (r.blocks.empty()) return {};
  XyChart chart;
  chart.title = "Block influence by layer";
  chart.x_label = "layer";
  chart.y_label = "block influence";
  chart.series = {{.style = "variant", .line = true}};
  for (const BlockFigure& b : r.blocks) {
    chart.series.front().points.push_back({static_cast<double>(b.layer),
                                           b.influence,
                                           0.0,
                                           {},
                                           fmt::format("layer {}: {:.4f}", b.layer, b.influence)});
  }
  return xy_chart(chart);
}

}  // namespace lathe
