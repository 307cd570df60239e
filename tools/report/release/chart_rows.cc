#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "tools/report/release/chart.h"
#include "tools/report/release/svg.h"

namespace lathe {
namespace {

constexpr int kWidth = 420;
constexpr double kRowHeight = 20, kTop = 30, kBottom = 26, kRight = 62;
constexpr double kLetter = 6.6;

double label_width(const RowChart& chart) {
  std::size_t longest = 4;
  for (const ChartRow& row : chart.rows) longest = std::max(longest, row.label.size());
  return std::min(170.0, 12.0 + kLetter * static_cast<double>(longest));
}

Scale scale_of(const RowChart& chart, double left) {
  std::vector<double> values;
  for (const ChartRow& row : chart.rows) {
    values.insert(values.end(), {row.value, row.low, row.high});
  }
  if (chart.line) values.push_back(*chart.line);
  if (chart.other_line) values.push_back(*chart.other_line);
  if (chart.bars) values.push_back(0.0);
  return Scale::around(values, left, kWidth - kRight, false);
}

std::string row_text(const ChartRow& row, const RowChart& chart, const Scale& x, double left,
                     double y) {
  const std::string hint = row.label + ": " + row.text;
  std::string out = svg_text(left - 8, y + 4, row.label, "end", "name " + row.style);
  if (!std::isfinite(row.value)) return out;
  if (chart.bars) {
    out += svg_rect(x.at(0.0), y - 6, std::max(0.0, x.at(row.value) - x.at(0.0)), 12,
                    "bar " + row.style, hint);
  }
  if (row.high > row.low) {
    out += svg_line(x.at(row.low), y, x.at(row.high), y,
                    chart.bars ? "interval over" : "interval " + row.style);
  }
  if (!chart.bars) out += svg_dot(x.at(row.value), y, 4, "dot " + row.style, hint);
  return out + svg_text(kWidth - kRight + 8, y + 4, row.text, "start", "tick");
}

}  // namespace

std::string row_chart(const RowChart& chart) {
  const double left = label_width(chart);
  const double bottom = kTop + kRowHeight * static_cast<double>(chart.rows.size());
  const Scale x = scale_of(chart, left);
  std::string out = svg_open(kWidth, static_cast<int>(bottom + kBottom), chart.title);
  out += svg_text(left, 16, chart.title, "start", "title");
  for (const double v : x.ticks(4)) {
    out += svg_line(x.at(v), kTop - 4, x.at(v), bottom, "grid");
    out += svg_text(x.at(v), bottom + 16, tick_text(v), "middle", "tick");
  }
  if (chart.line)
    out += svg_line(x.at(*chart.line), kTop - 4, x.at(*chart.line), bottom, "reference");
  if (chart.other_line) {
    out += svg_line(x.at(*chart.other_line), kTop - 4, x.at(*chart.other_line), bottom, "chance");
  }
  double y = kTop + kRowHeight / 2;
  for (const ChartRow& row : chart.rows) {
    out += row_text(row, chart, x, left, y);
    y += kRowHeight;
  }
  return out + "</svg>\n";
}

}  // namespace lathe
