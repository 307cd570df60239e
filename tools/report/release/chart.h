// The kinds of charts of a report, as inline SVG.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace lathe {

struct ChartPoint {
  double x = 0.0, y = 0.0;
  double error = 0.0;  // of y, one standard error; 0: none
  std::string label{}, hint{};
};

struct ChartSeries {
  std::string style;   // class of its colour: "variant", "naive", "c3"
  std::string name{};  // beside the end of the line; empty: none
  bool line = false, dots = true;
  std::vector<ChartPoint> points{};
};

// Points and lines over two axes.
struct XyChart {
  std::string title, x_label, y_label;
  bool x_logarithmic = false, y_logarithmic = false;
  std::vector<std::string> x_names{};  // of x = 0, 1, 2 ...: categories instead of numbers
  std::vector<ChartSeries> series{};
  std::optional<double> y_line{};  // across the chart, with its name
  std::string y_line_name{};
};
std::string xy_chart(const XyChart& chart);

struct ChartRow {
  std::string label, style;
  double value = 0.0;
  double low = 0.0, high = 0.0;  // equal: no interval
  std::string text{};            // behind the row
};

// Values of models below each other: bars from zero, or dots with intervals.
struct RowChart {
  std::string title;
  bool bars = false;
  std::vector<ChartRow> rows{};
  std::optional<double> line{}, other_line{};  // the source's value; guessing
};
std::string row_chart(const RowChart& chart);

// A colour for each pair of a row and a column; nothing where there is no value.
struct HeatMap {
  std::string title;
  std::vector<std::string> rows, columns;
  std::vector<std::vector<std::optional<double>>> values;  // [row][column]
  double low = 0.0, high = 1.0;  // of the colours; logarithmic where low > 0
  std::string unit{};            // behind values in hints: " %"
};
std::string heat_map(const HeatMap& map);

inline constexpr int kHeatColours = 9;     // classes q0 to q8
inline constexpr int kSeriesColours = 10;  // classes c0 to c9

}  // namespace lathe
